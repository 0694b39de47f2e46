// Finds the next byte of a JSON string that is not plain: a quote, a backslash, a control character, or the start of a non-ASCII sequence.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>
#if defined(__x86_64__) && !defined(GUARD_PORTABLE)
#define GUARD_X86 1
#include <immintrin.h>
#endif

namespace precinct {

inline bool is_plain(uint8_t byte) { return byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\'; }

inline const uint8_t* skip_plain_bytewise(const uint8_t* p, const uint8_t* end) {
  while (p < end && is_plain(*p)) ++p;
  return p;
}

#ifdef GUARD_X86

// As signed numbers, control characters and all bytes from 80 up are less than 20.
inline const uint8_t* skip_plain_sse2(const uint8_t* p, const uint8_t* end) {
  const __m128i quote = _mm_set1_epi8('"'), backslash = _mm_set1_epi8('\\'), space = _mm_set1_epi8(0x20);
  for (; end - p >= 16; p += 16) {
    const __m128i v = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    const __m128i special = _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(v, quote), _mm_cmpeq_epi8(v, backslash)), _mm_cmplt_epi8(v, space));
    const unsigned mask = static_cast<unsigned>(_mm_movemask_epi8(special));
    if (mask != 0) return p + __builtin_ctz(mask);
  }
  return skip_plain_bytewise(p, end);
}

__attribute__((target("avx2"))) inline const uint8_t* skip_plain_avx2(const uint8_t* p, const uint8_t* end) {
  const __m256i quote = _mm256_set1_epi8('"'), backslash = _mm256_set1_epi8('\\'), space = _mm256_set1_epi8(0x20);
  for (; end - p >= 32; p += 32) {
    const __m256i v = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
    const __m256i special = _mm256_or_si256(_mm256_or_si256(_mm256_cmpeq_epi8(v, quote), _mm256_cmpeq_epi8(v, backslash)), _mm256_cmpgt_epi8(space, v));
    const unsigned mask = static_cast<unsigned>(_mm256_movemask_epi8(special));
    if (mask != 0) return p + __builtin_ctz(mask);
  }
  return skip_plain_bytewise(p, end);
}

using SkipPlain = const uint8_t* (*)(const uint8_t*, const uint8_t*);

inline bool has_avx2() {
  static const bool has = __builtin_cpu_supports("avx2");
  return has;
}

inline SkipPlain choose_skip_plain() { return has_avx2() ? skip_plain_avx2 : skip_plain_sse2; }
inline const char* skip_plain_name() { return has_avx2() ? "avx2" : "sse2"; }

// Most strings end within 16 bytes; only longer ones pay the call through a pointer.
inline const uint8_t* skip_plain(const uint8_t* p, const uint8_t* end, SkipPlain rest) {
  if (end - p < 16) return skip_plain_bytewise(p, end);
  const __m128i v = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  const __m128i special = _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('"')), _mm_cmpeq_epi8(v, _mm_set1_epi8('\\'))), _mm_cmplt_epi8(v, _mm_set1_epi8(0x20)));
  const unsigned mask = static_cast<unsigned>(_mm_movemask_epi8(special));
  return mask != 0 ? p + __builtin_ctz(mask) : rest(p + 16, end);
}

#else

using SkipPlain = const uint8_t* (*)(const uint8_t*, const uint8_t*);

// Eight bytes at a time: a word may only be skipped when none of its bytes can be special.
inline const uint8_t* skip_plain_words(const uint8_t* p, const uint8_t* end) {
  constexpr uint64_t ones = 0x0101010101010101u, highs = 0x8080808080808080u;
  for (; end - p >= 8; p += 8) {
    uint64_t word;
    std::memcpy(&word, p, 8);
    const uint64_t quote = word ^ (ones * '"'), backslash = word ^ (ones * '\\');
    const uint64_t special = word | (word - ones * 0x20) | (quote - ones) | (backslash - ones);
    if ((special & highs) == 0) continue;
    const uint8_t* const found = skip_plain_bytewise(p, p + 8);
    if (found != p + 8) return found;
  }
  return skip_plain_bytewise(p, end);
}

inline SkipPlain choose_skip_plain() { return skip_plain_words; }
inline const char* skip_plain_name() { return "portable"; }
inline const uint8_t* skip_plain(const uint8_t* p, const uint8_t* end, SkipPlain rest) { return rest(p, end); }

#endif

}  // namespace precinct
