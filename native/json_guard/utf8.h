// UTF-8: the strict judgement of one sequence, and writing one code point.
#pragma once
#include <cstdint>

namespace precinct {

inline bool is_continuation(uint8_t byte) { return (byte & 0xc0) == 0x80; }
inline bool is_between(uint8_t byte, uint8_t from, uint8_t to) { return byte >= from && byte <= to; }

// Length of the well-formed sequence of two bytes or more at p, 0 if it is none: Unicode 15, table 3-7.
inline int utf8_sequence_length(const uint8_t* p, const uint8_t* end) {
  const uint8_t lead = *p;
  if (is_between(lead, 0xc2, 0xdf)) return end - p >= 2 && is_continuation(p[1]) ? 2 : 0;
  if (is_between(lead, 0xe0, 0xef)) {
    if (end - p < 3) return 0;
    return is_between(p[1], lead == 0xe0 ? 0xa0 : 0x80, lead == 0xed ? 0x9f : 0xbf) && is_continuation(p[2]) ? 3 : 0;
  }
  if (!is_between(lead, 0xf0, 0xf4) || end - p < 4) return 0;
  return is_between(p[1], lead == 0xf0 ? 0x90 : 0x80, lead == 0xf4 ? 0x8f : 0xbf) && is_continuation(p[2]) && is_continuation(p[3]) ? 4 : 0;
}

inline uint8_t* write_utf8(uint8_t* out, uint32_t point) {
  if (point < 0x80) {
    *out++ = static_cast<uint8_t>(point);
    return out;
  }
  if (point < 0x800) {
    *out++ = static_cast<uint8_t>(0xc0 | (point >> 6));
  } else {
    if (point < 0x10000) {
      *out++ = static_cast<uint8_t>(0xe0 | (point >> 12));
    } else {
      *out++ = static_cast<uint8_t>(0xf0 | (point >> 18));
      *out++ = static_cast<uint8_t>(0x80 | ((point >> 12) & 0x3f));
    }
    *out++ = static_cast<uint8_t>(0x80 | ((point >> 6) & 0x3f));
  }
  *out++ = static_cast<uint8_t>(0x80 | (point & 0x3f));
  return out;
}

}  // namespace precinct
