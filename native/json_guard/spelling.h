// Other spellings that some readers take for a name: Go's encoding/json ignores case, as others do on demand, and C strings end at a NUL. Twin: src/base/json/spellings.ts.
#pragma once
#include <cstddef>
#include <cstdint>

namespace precinct {

inline uint8_t lower(uint8_t byte) { return byte >= 'A' && byte <= 'Z' ? static_cast<uint8_t>(byte | 0x20) : byte; }

// The ASCII letter whose case form the sign at p is (U+0130, U+0131, U+017F, U+212A: no others beyond ASCII), 0 if it is none; its length in `length`.
inline uint8_t folded_sign(const uint8_t* p, const uint8_t* end, size_t* length) {
  *length = 2;
  if (end - p >= 2 && p[0] == 0xc4 && (p[1] == 0xb0 || p[1] == 0xb1)) return 'i';
  if (end - p >= 2 && p[0] == 0xc5 && p[1] == 0xbf) return 's';
  *length = 3;
  return end - p >= 3 && p[0] == 0xe2 && p[1] == 0x84 && p[2] == 0xaa ? 'k' : 0;
}

// Whether a reader that ignores case, or one that stops at a NUL, takes the decoded bytes for `name`, which is ASCII; so it does if they are equal.
inline bool is_spelling_of(const char* name, size_t name_length, const uint8_t* bytes, size_t length) {
  if (length < name_length) return false;  // no spelling is shorter
  const uint8_t* p = bytes;
  const uint8_t* const end = bytes + length;
  for (const char* letter = name; letter != name + name_length; ++letter) {
    if (p == end) return false;
    size_t width = 1;
    const uint8_t folded = *p < 0x80 ? lower(*p) : folded_sign(p, end, &width);
    if (folded != lower(static_cast<uint8_t>(*letter))) return false;
    p += width;
  }
  return p == end || *p == 0;
}

}  // namespace precinct
