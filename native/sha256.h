// SHA-256 and HMAC-SHA-256 (FIPS 180-4, RFC 2104) by the OpenSSL inside the Node process: the addon brings no cryptography of its own.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>

// libcrypto's SHA256_CTX is 112 bytes in OpenSSL 1.1 and 3; it is copied as bytes, as OpenSSL itself does. Weak: a Node without these names loads the addon, and the twin works.
struct alignas(16) Sha256State {
  uint8_t bytes[256];
};
extern "C" {
__attribute__((weak)) int SHA256_Init(Sha256State* state);
__attribute__((weak)) int SHA256_Update(Sha256State* state, const void* data, size_t length);
__attribute__((weak)) int SHA256_Final(unsigned char* digest, Sha256State* state);
}

namespace precinct {

constexpr size_t kDigestBytes = 32;
constexpr size_t kBlockBytes = 64;

inline bool has_sha256() { return SHA256_Init != nullptr && SHA256_Update != nullptr && SHA256_Final != nullptr; }

// Plain, or keyed where there is a key. Both pads are hashed once, here.
class Hasher {
 public:
  bool open() { return SHA256_Init(&inner_) == 1; }

  bool open(const uint8_t* key, size_t length) {
    uint8_t block[kBlockBytes] = {0};
    if (length > kBlockBytes) {
      Sha256State state;
      if (SHA256_Init(&state) != 1 || SHA256_Update(&state, key, length) != 1 || SHA256_Final(block, &state) != 1) return false;
    } else if (length > 0) {
      std::memcpy(block, key, length);
    }
    keyed_ = true;
    return pad(&inner_, block, 0x36) && pad(&outer_, block, 0x5c);
  }

  bool digest(const uint8_t* text, size_t length, uint8_t* out) const {
    Sha256State state = inner_;
    if (SHA256_Update(&state, text, length) != 1 || SHA256_Final(out, &state) != 1) return false;
    if (!keyed_) return true;
    state = outer_;
    return SHA256_Update(&state, out, kDigestBytes) == 1 && SHA256_Final(out, &state) == 1;
  }

 private:
  static bool pad(Sha256State* state, const uint8_t* block, uint8_t mask) {
    uint8_t padded[kBlockBytes];
    for (size_t at = 0; at < kBlockBytes; ++at) padded[at] = block[at] ^ mask;
    return SHA256_Init(state) == 1 && SHA256_Update(state, padded, kBlockBytes) == 1;
  }

  Sha256State inner_;
  Sha256State outer_;
  bool keyed_ = false;
};

}  // namespace precinct
