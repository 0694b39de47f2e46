// JSON strings over bytes: the strict walk to the closing quote, and decoding of escapes. The twin of src/base/json/strings.ts.
#pragma once
#include <cstdint>

#include "skip_plain.h"
#include "utf8.h"

namespace precinct {

enum class StringFault { kNone, kSyntax, kUtf8 };

struct StringWalk {
  StringFault fault;
  bool escaped;
  // After the closing quote, or where the string is wrong.
  const uint8_t* end;
  // Backslash of the first lone surrogate escape.
  const uint8_t* lone;
};

inline int hex_digit(uint8_t byte) {
  if (byte >= '0' && byte <= '9') return byte - '0';
  const uint8_t lower = byte | 0x20;
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

// The 16 bits of four hex digits; -1 if the four bytes before `end` aren't that.
inline int hex_quad(const uint8_t* p, const uint8_t* end) {
  if (end - p < 4) return -1;
  int unit = 0;
  for (int index = 0; index < 4; ++index) {
    const int digit = hex_digit(p[index]);
    if (digit < 0) return -1;
    unit = unit * 16 + digit;
  }
  return unit;
}

inline bool is_high(int unit) { return unit >= 0xd800 && unit < 0xdc00; }
inline bool is_low(int unit) { return unit >= 0xdc00 && unit < 0xe000; }

// The low surrogate escape at p, -1 if there is none.
inline int low_escape(const uint8_t* p, const uint8_t* end) {
  if (end - p < 6 || p[0] != '\\' || p[1] != 'u') return -1;
  const int unit = hex_quad(p + 2, end);
  return is_low(unit) ? unit : -1;
}

// p: the backslash. The byte after the escape, or null with `walk` set.
inline const uint8_t* walk_escape(const uint8_t* p, const uint8_t* end, StringWalk* walk) {
  const auto refuse = [walk](const uint8_t* at) -> const uint8_t* {
    walk->fault = StringFault::kSyntax;
    walk->end = at;
    return nullptr;
  };
  walk->escaped = true;
  if (end - p < 2) return refuse(end);
  switch (p[1]) {
    case '"': case '\\': case '/': case 'b': case 'f': case 'n': case 'r': case 't': return p + 2;
    case 'u': break;
    default: return refuse(p + 1);
  }
  const int unit = hex_quad(p + 2, end);
  if (unit < 0) {
    const uint8_t* wrong = p + 2;
    while (wrong < end && hex_digit(*wrong) >= 0) ++wrong;
    return refuse(wrong);
  }
  if (is_high(unit) && low_escape(p + 6, end) >= 0) return p + 12;
  if (unit >= 0xd800 && unit < 0xe000 && walk->lone == nullptr) walk->lone = p;
  return p + 6;
}

// p: the byte after the opening quote.
inline StringWalk walk_string(const uint8_t* p, const uint8_t* end, SkipPlain rest) {
  StringWalk walk{StringFault::kNone, false, end, nullptr};
  for (;;) {
    p = skip_plain(p, end, rest);
    if (p == end) {
      walk.fault = StringFault::kSyntax;
      return walk;
    }
    if (*p == '"') {
      walk.end = p + 1;
      return walk;
    }
    if (*p == '\\') {
      p = walk_escape(p, end, &walk);
      if (p == nullptr) return walk;
    } else if (*p < 0x20) {
      walk.fault = StringFault::kSyntax;
      walk.end = p;
      return walk;
    } else {
      // A run of non-ASCII text is walked here, without asking the vector code at each sequence.
      do {
        const int length = utf8_sequence_length(p, end);
        if (length == 0) {
          walk.fault = StringFault::kUtf8;
          walk.end = p;
          return walk;
        }
        p += length;
      } while (p < end && *p >= 0x80);
    }
  }
}

inline uint8_t short_escape(uint8_t kind) {
  switch (kind) {
    case 'b': return '\b';
    case 'f': return '\f';
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    default: return kind;
  }
}

// Decodes the inside of a walked string into `out`, which needs `end - p` bytes; a lone surrogate becomes its three generalised bytes. Returns the end of what was written.
inline uint8_t* decode_string(const uint8_t* p, const uint8_t* end, uint8_t* out) {
  while (p < end) {
    if (*p != '\\') {
      *out++ = *p++;
      continue;
    }
    // Bounds again: memory shared with another thread may have changed since the walk.
    if (end - p < 2) return out;
    if (p[1] != 'u') {
      *out++ = short_escape(p[1]);
      p += 2;
      continue;
    }
    const int unit = hex_quad(p + 2, end);
    if (unit < 0) return out;
    p += 6;
    uint32_t point = static_cast<uint32_t>(unit);
    const int low = is_high(unit) ? low_escape(p, end) : -1;
    if (low >= 0) {
      point = 0x10000 + ((point - 0xd800) << 10) + (static_cast<uint32_t>(low) - 0xdc00);
      p += 6;
    }
    out = write_utf8(out, point);
  }
  return out;
}

}  // namespace precinct
