/** How callers of a profile prove who they are, for a question about policies that no real caller asks. */
export function usualAuthMethod(profile: 'dev' | 'strict'): 'header_declared' | 'mtls_svid' {
  return profile === 'dev' ? 'header_declared' : 'mtls_svid';
}
