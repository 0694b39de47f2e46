// Where the Workload API is: SPIFFE_ENDPOINT_SOCKET as its specification has it (SPIFFE Workload Endpoint, section 4).

/** As grpc-js names it; undefined = it is no address of a Workload API. */
export function workloadTarget(address: string): string | undefined {
  if (!URL.canParse(address)) return undefined;
  const url = new URL(address);
  if (url.search !== '' || url.hash !== '' || url.username !== '' || url.password !== '') return undefined;
  if (url.protocol === 'unix:') return url.host === '' && url.pathname.startsWith('/') && url.pathname.length > 1 ? socketTarget(url.pathname) : undefined;
  // The kernel says nothing of who is at the other end of TCP: an address, never a name that someone else resolves.
  const isAddress = /^(\d{1,3}(\.\d{1,3}){3}|\[[0-9a-f:.]+\])$/i.test(url.hostname);
  return url.protocol === 'tcp:' && isAddress && url.port !== '' && url.pathname === '' ? `${url.hostname}:${url.port}` : undefined;
}

/** A URL may hold a % that begins no escape. */
function socketTarget(path: string): string | undefined {
  try {
    return `unix:${decodeURIComponent(path)}`;
  } catch {
    return undefined;
  }
}
