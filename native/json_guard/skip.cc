#include "skip.h"

#include <cstring>

namespace precinct {
namespace {

// `from`: within a string, and not within an escape. The byte after the closing quote; null where there is none. A quote is escaped when an odd number of backslashes stands before it.
const uint8_t* skip_string(const uint8_t* from, const uint8_t* end) {
  for (const uint8_t* p = from; p < end; ++p) {
    p = static_cast<const uint8_t*>(std::memchr(p, '"', static_cast<size_t>(end - p)));
    if (p == nullptr) break;
    const uint8_t* run = p;
    while (run > from && run[-1] == '\\') --run;
    if ((p - run) % 2 == 0) return p + 1;
  }
  return nullptr;
}

}  // namespace

size_t skip_rest(const uint8_t* bytes, size_t length, size_t at, uint32_t depth, bool in_string) {
  const uint8_t* const end = bytes + length;
  const uint8_t* p = bytes + at;
  bool inside = in_string;
  for (;;) {
    if (inside) {
      p = skip_string(p, end);
      if (p == nullptr) return length + 1;
      if (depth == 0) return static_cast<size_t>(p - bytes);
      inside = false;
    }
    while (p < end && !inside) {
      const uint8_t byte = *p++;
      if (byte == '"') inside = true;
      else if (byte == '{' || byte == '[') ++depth;
      else if ((byte == '}' || byte == ']') && --depth == 0) return static_cast<size_t>(p - bytes);
    }
    if (!inside) return length;
  }
}

napi_value skip(napi_env env, napi_callback_info info) {
  size_t count = 4;
  napi_value arguments[4];
  Bytes bytes;
  uint32_t at, depth;
  bool in_string;
  if (napi_get_cb_info(env, info, &count, arguments, nullptr, nullptr) != napi_ok || count != 4 || !read_bytes(env, arguments[0], &bytes) || !read_uint32(env, arguments[1], &at) ||
      !read_uint32(env, arguments[2], &depth) || napi_get_value_bool(env, arguments[3], &in_string) != napi_ok) {
    return throw_type_error(env, "skip takes a Uint8Array, an offset, a depth and a boolean");
  }
  if (bytes.length >= UINT32_MAX) return throw_range_error(env, "bytes are longer than 4 GiB");
  if (at > bytes.length) return throw_range_error(env, "the offset lies outside the bytes");
  if (depth == 0 && !in_string) return throw_range_error(env, "nothing is open there");
  napi_value result;
  return napi_create_uint32(env, static_cast<uint32_t>(skip_rest(bytes.data, bytes.length, at, depth, in_string)), &result) == napi_ok ? result : nullptr;
}

}  // namespace precinct
