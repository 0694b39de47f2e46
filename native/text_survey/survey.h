// One look over a text: which of the readings of src/engines/dlp/views.ts could say anything new. Says yes too often, never no too often.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace precinct {

// src/base/text/survey.ts has the same numbers.
enum Sign : uint32_t { kBackslash = 1, kPercent = 2, kBeyondAscii = 4, kEncodedRun = 8, kReference = 16, kAllSigns = 31 };

constexpr size_t kPieceBytes = 16 * 1024;

namespace survey_detail {

// As in src/engines/dlp/encoded-runs.ts, whose decodeRuns this stands in front of.
constexpr size_t kRunMin = 15;
constexpr int kReadableMin = 8;
constexpr size_t kHexRunMin = 2 * kReadableMin;
constexpr size_t kLongRun = 512;

// As in src/engines/dlp/spaced-hex.ts: a byte takes two digits and what divides it from the next.
constexpr size_t kSpacedMin = 3 * kReadableMin - 1;
constexpr size_t kDecimalEvery = sizeof(uint64_t);

enum Kind : uint8_t { kBase64 = 1, kHex = 2, kPrintable = 4, kHigh = 8, kSpaced = 16 };

struct Tables {
  uint8_t kinds[256];
  uint8_t sextets[256];

  constexpr Tables() : kinds{}, sextets{} {
    for (int byte = 0; byte < 256; ++byte) {
      const int sextet = sextet_of(byte);
      const bool hex = (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'f') || (byte >= 'A' && byte <= 'F');
      const bool printable = (byte >= 0x20 && byte < 0x7f) || byte == 9 || byte == 10 || byte == 13;
      sextets[byte] = static_cast<uint8_t>(sextet < 0 ? 0 : sextet);
      const bool divider = byte == ' ' || byte == 9 || byte == 10 || byte == 13 || byte == ',' || byte == ':' || byte == ';' || byte == '-' || byte == '|' || byte == 'x' || byte == 'X';
      kinds[byte] = static_cast<uint8_t>((sextet >= 0 ? kBase64 : 0) | (hex ? kHex : 0) | (printable ? kPrintable : 0) | (byte > 0x7f ? kHigh : 0) | (hex || divider ? kSpaced : 0));
    }
  }

  static constexpr int sextet_of(int byte) {
    if (byte >= 'A' && byte <= 'Z') return byte - 'A';
    if (byte >= 'a' && byte <= 'z') return byte - 'a' + 26;
    if (byte >= '0' && byte <= '9') return byte - '0' + 52;
    if (byte == '+' || byte == '-') return 62;
    return byte == '/' || byte == '_' ? 63 : -1;
  }
};

inline constexpr Tables kTables{};

inline int continuations_after(uint8_t byte, int pending) {
  if (pending > 0) return byte >> 6 == 2 ? pending - 1 : -1;
  if (byte < 0x80) return 0;
  if (byte >= 0xc2 && byte < 0xe0) return 1;
  if (byte >= 0xe0 && byte < 0xf0) return 2;
  return byte >= 0xf0 && byte < 0xf5 ? 3 : -1;
}

// Takes the bytes that a run decodes to, one after another: whether kReadableMin readable ones stand together, or as many with a zero between each two (UTF-16).
class Readable {
 public:
  // True = there are, whatever follows.
  bool take(uint8_t decoded) {
    const uint8_t kind = kTables.kinds[decoded];
    ascii_ = (kind & kPrintable) == 0 ? 0 : ascii_ + 1;
    if (decoded != 0) wide_ = (kind & kPrintable) == 0 ? 0 : last_ == 0 ? wide_ + 1 : 1;
    else if (last_ == 0) wide_ = 0;
    last_ = decoded;
    if (ascii_ >= kReadableMin || wide_ >= kReadableMin) return true;
    if (!utf8_) return false;
    pending_ = continuations_after(decoded, pending_);
    if (pending_ < 0) {
      utf8_ = false;
      return false;
    }
    together_ = (kind & (kPrintable | kHigh)) == 0 ? 0 : together_ + 1;
    if (together_ > longest_) longest_ = together_;
    return false;
  }

  bool at_end() const { return utf8_ && longest_ >= kReadableMin; }

 private:
  int ascii_ = 0, wide_ = 0, last_ = 0, together_ = 0, longest_ = 0, pending_ = 0;
  bool utf8_ = true;
};

// Whether the run without its first `shift` characters decodes to what is readable.
inline bool may_be_readable(const uint8_t* from, const uint8_t* to, int shift) {
  uint32_t bits = 0;
  int bit_count = 0, skipped = 0;
  Readable readable;
  for (const uint8_t* p = from; p < to; ++p) {
    if (*p == '\n' || *p == '\r') continue;
    if (skipped < shift) {
      ++skipped;
      continue;
    }
    bits = ((bits << 6) | kTables.sextets[*p]) & 0xffff;
    bit_count += 6;
    if (bit_count < 8) continue;
    bit_count -= 8;
    if (readable.take(static_cast<uint8_t>(bits >> bit_count))) return true;
  }
  return readable.at_end();
}

inline bool has_hex_run(const uint8_t* from, const uint8_t* to) {
  size_t length = 0;
  for (const uint8_t* p = from; p < to; ++p) {
    length = (kTables.kinds[*p] & kHex) != 0 ? length + 1 : 0;
    if (length >= kHexRunMin) return true;
  }
  return false;
}

// Base64 is often wrapped: a run goes on over single line breaks.
inline const uint8_t* end_of_lines(const uint8_t* to, const uint8_t* end) {
  for (;;) {
    const uint8_t* next = to;
    if (next < end && *next == '\r') ++next;
    if (next == end || *next != '\n') return to;
    const uint8_t* const start = ++next;
    while (next < end && (kTables.kinds[*next] & kBase64) != 0) ++next;
    if (next == start) return to;
    to = next;
  }
}

inline uint8_t hex_value(uint8_t digit) { return static_cast<uint8_t>(digit <= '9' ? digit - '0' : (digit | 0x20) - 'a' + 10); }

// Whether one alignment of the digits of hex in groups, such as `41:4b:49` and `0x41, 0x4b`, is readable.
inline bool digits_say_something(const uint8_t* from, const uint8_t* to) {
  const auto is_prefix = [from](const uint8_t* p) { return (*p | 0x20) == 'x' && p > from && p[-1] == '0'; };
  size_t count = 0;
  bool letter = false, divided = false, after_digit = false;
  for (const uint8_t* p = from; p < to; ++p) {
    const bool digit = (kTables.kinds[*p] & kHex) != 0;
    if (digit) {
      divided = divided || (count > 0 && !after_digit);
      letter = letter || *p > '9';
      ++count;
    } else if (is_prefix(p)) {
      letter = true;
      --count;
    }
    after_digit = digit;
  }
  if (count < kHexRunMin || !letter || !divided) return false;
  if (static_cast<size_t>(to - from) >= kLongRun) return true;
  uint8_t digits[kLongRun];
  size_t size = 0;
  for (const uint8_t* p = from; p < to; ++p) {
    if ((kTables.kinds[*p] & kHex) != 0) digits[size++] = hex_value(*p);
    else if (is_prefix(p)) --size;
  }
  for (size_t shift = 0; shift < 2; ++shift) {
    Readable readable;
    for (size_t at = shift; at + 1 < size; at += 2) {
      if (readable.take(static_cast<uint8_t>(digits[at] << 4 | digits[at + 1]))) return true;
    }
    if (readable.at_end()) return true;
  }
  return false;
}

inline bool is_decimal(uint8_t byte) { return byte >= '0' && byte <= '9'; }

// Of bytes that hex in groups can be of: whether they have decimal digits close enough for long enough, and say something.
inline bool group_says_something(const uint8_t* from, const uint8_t* to) {
  if (static_cast<size_t>(to - from) < kSpacedMin) return false;
  const uint8_t* first = from;
  const uint8_t* last = from - kDecimalEvery - 1;
  for (const uint8_t* p = from; p < to; ++p) {
    if (!is_decimal(*p)) continue;
    if (p - last > static_cast<ptrdiff_t>(kDecimalEvery)) first = p;
    last = p;
    if (static_cast<size_t>(p - first) + 2 >= kSpacedMin) return digits_say_something(from, to);
  }
  return false;
}

inline bool says_something(const uint8_t* from, const uint8_t* to) {
  if (static_cast<size_t>(to - from) >= kLongRun || has_hex_run(from, to)) return true;
  for (int shift = 0; shift < 4; ++shift) {
    if (may_be_readable(from, to, shift)) return true;
  }
  return false;
}

// The runs that said nothing, by their bytes: the same long words stand in every message of a protocol (`modelcontextprotocol/protocolVersion`),
// and reading one four ways costs twenty times as much as knowing it again. One per thread; a stranger's run only takes another's place.
class SilentRuns {
 public:
  bool knows(const uint8_t* from, size_t length) const {
    const Entry& entry = entries_[place_of(from, length)];
    return entry.length == length && std::memcmp(entry.bytes, from, length) == 0;
  }

  void note(const uint8_t* from, size_t length) {
    if (length > kEntryBytes) return;
    Entry& entry = entries_[place_of(from, length)];
    entry.length = static_cast<uint8_t>(length);
    std::memcpy(entry.bytes, from, length);
  }

 private:
  static constexpr size_t kEntryBytes = 63;
  static constexpr size_t kEntries = 64;
  struct Entry {
    uint8_t length = 0;
    uint8_t bytes[kEntryBytes];
  };

  static size_t place_of(const uint8_t* from, size_t length) {
    uint64_t first, last;
    std::memcpy(&first, from, 8);
    std::memcpy(&last, from + length - 8, 8);
    return ((first ^ (last * 31) ^ length) * 0x9e3779b97f4a7c15u) >> 58;
  }

  Entry entries_[kEntries];
};

// Looks for a run that says something, from where it stopped the last time.
class EncodedRuns {
 public:
  EncodedRuns(const uint8_t* begin, const uint8_t* end) : at_(begin), floor_(begin), end_(end) {}

  // True = there is one that begins before `stop`. Every fifteenth byte: a run that long can't step over all of them.
  bool any_before(const uint8_t* stop) {
    static thread_local SilentRuns silent;
    while (at_ < stop && static_cast<size_t>(end_ - at_) >= kRunMin) {
      const uint8_t* const probe = at_ + kRunMin - 1;
      if ((kTables.kinds[*probe] & kBase64) == 0) {
        at_ = probe + 1;
        continue;
      }
      const uint8_t* from = probe;
      while (from > floor_ && (kTables.kinds[from[-1]] & kBase64) != 0) --from;
      const uint8_t* to = probe + 1;
      while (to < end_ && (kTables.kinds[*to] & kBase64) != 0) ++to;
      if (static_cast<size_t>(to - from) >= kRunMin) {
        to = end_of_lines(to, end_);
        const size_t length = static_cast<size_t>(to - from);
        if (!silent.knows(from, length)) {
          if (says_something(from, to)) return true;
          silent.note(from, length);
        }
      }
      floor_ = at_ = to;
    }
    return false;
  }

 private:
  const uint8_t* at_;
  const uint8_t* floor_;
  const uint8_t* const end_;
};

// Looks for hex in groups that says something, from where it stopped the last time.
class SpacedHex {
 public:
  SpacedHex(const uint8_t* begin, const uint8_t* end) : at_(begin), floor_(begin), end_(end) {}

  // True = there is some that begins before `stop`. Eight bytes of each kStep are looked at, four times without a branch: words have no decimal digits, and hex
  // in groups has one among any eight.
  bool any_before(const uint8_t* stop) {
    const uint8_t* at = at_; // a member is stored and loaded at each step
    for (; at < stop && static_cast<size_t>(end_ - at) >= 4 * kStep; at += 4 * kStep) {
      const uint64_t none = (beyond_decimals(at) + kFill) & (beyond_decimals(at + kStep) + kFill) & (beyond_decimals(at + 2 * kStep) + kFill) & (beyond_decimals(at + 3 * kStep) + kFill);
      if (__builtin_expect((none & kNone) == kNone, 1)) continue;
      for (size_t step = 0; step < 4; ++step) {
        if (is_around(at + step * kStep)) return true;
      }
    }
    for (; at < stop && static_cast<size_t>(end_ - at) >= kDecimalEvery; at += kStep) {
      if (is_around(at)) return true;
    }
    at_ = at;
    return false;
  }

 private:
  // Not so long that the shortest, without its last digit, lies between two.
  static constexpr size_t kStep = kSpacedMin - 1;

  static constexpr uint64_t kEach = 0x0101010101010101u;
  static constexpr uint64_t kNone = kEach * 0x80;

  static constexpr uint64_t kFill = kEach * 0x78;

  // Of each of eight bytes 0 where it is a decimal digit or one of `:;<=>?`, else something up to 0x78.
  static uint64_t beyond_decimals(const uint8_t* bytes) {
    uint64_t word;
    std::memcpy(&word, bytes, sizeof word);
    return ((word ^ kEach * 0x30) >> 1) & kFill;
  }

  // Around the last of eight bytes.
  __attribute__((noinline)) bool is_around(const uint8_t* eight) {
    const uint8_t* const p = eight + kDecimalEvery - 1;
    if (p < floor_ || (kTables.kinds[*p] & kSpaced) == 0) return false;
    const uint8_t* from = p;
    while (from > floor_ && (kTables.kinds[from[-1]] & kSpaced) != 0) --from;
    const uint8_t* to = p + 1;
    while (to < end_ && (kTables.kinds[*to] & kSpaced) != 0) ++to;
    floor_ = to;
    return group_says_something(from, to);
  }

  const uint8_t* at_;
  const uint8_t* floor_;
  const uint8_t* const end_;
};

// Whether a character reference of HTML may begin in [p, to): `&#`, or letters and a semicolon.
inline bool has_reference(const uint8_t* p, const uint8_t* to, const uint8_t* end) {
  while ((p = static_cast<const uint8_t*>(std::memchr(p, '&', static_cast<size_t>(to - p)))) != nullptr) {
    if (++p == end) return false;
    if (*p == '#') return true;
    const uint8_t* name_end = p;
    while (name_end < end && (*name_end | 0x20) >= 'a' && (*name_end | 0x20) <= 'z') ++name_end;
    if (name_end > p && name_end < end && *name_end == ';') return true;
    if (p == to) return false;
  }
  return false;
}

typedef uint64_t Words __attribute__((vector_size(16)));

inline Words words_at(const uint8_t* p) {
  Words words;
  std::memcpy(&words, p, sizeof words);
  return words;
}

inline bool is_ascii(const uint8_t* p, const uint8_t* end) {
  constexpr size_t kWide = sizeof(Words);
  Words even = {}, odd = {};
  for (; static_cast<size_t>(end - p) >= 4 * kWide; p += 4 * kWide) {
    even |= words_at(p) | words_at(p + kWide);
    odd |= words_at(p + 2 * kWide) | words_at(p + 3 * kWide);
  }
  even |= odd;
  uint64_t seen = even[0] | even[1];
  for (; p < end; ++p) seen |= *p;
  return (seen & 0x8080808080808080u) == 0;
}

}  // namespace survey_detail

// Piece by piece: the second look at a piece finds it in the processor's cache, however large the text is. `first`: it ends with the piece that has a sign.
inline uint32_t survey(const uint8_t* bytes, size_t length, bool first) {
  const uint8_t* const end = bytes + length;
  survey_detail::EncodedRuns runs(bytes, end);
  survey_detail::SpacedHex hex(bytes, end);
  uint32_t signs = 0;
  for (const uint8_t *from = bytes, *to; from < end && (first ? signs == 0 : signs != kAllSigns); from = to) {
    const size_t piece = std::min(static_cast<size_t>(end - from), kPieceBytes);
    to = from + piece;
    if ((signs & kBackslash) == 0 && std::memchr(from, '\\', piece) != nullptr) signs |= kBackslash;
    if ((signs & kPercent) == 0 && std::memchr(from, '%', piece) != nullptr) signs |= kPercent;
    if ((signs & kBeyondAscii) == 0 && !survey_detail::is_ascii(from, to)) signs |= kBeyondAscii;
    if ((signs & kReference) == 0 && survey_detail::has_reference(from, to, end)) signs |= kReference;
    if ((signs & kEncodedRun) == 0 && (runs.any_before(to) || hex.any_before(to))) signs |= kEncodedRun;
  }
  return signs;
}

}  // namespace precinct
