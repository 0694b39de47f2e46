// arguments_digest.node: open(key?: Uint8Array): External; digest(hasher, bytes: Uint8Array, from, to): lower-case hex, or undefined where the twin has to do it.
#include <memory>
#include <new>

#include "../napi_call.h"
#include "canonical.h"
#include "../sha256.h"

namespace precinct {
namespace {

// Raised with every change of a verb's arguments or answer; src/base/crypto/arguments-digest.ts holds the same number.
constexpr uint32_t kContract = 1;

struct Digester {
  Hasher hasher;
  Canonical canonical;
};

void delete_digester(napi_env, void* data, void*) { delete static_cast<Digester*>(data); }

napi_value open(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value arguments[1];
  if (napi_get_cb_info(env, info, &count, arguments, nullptr, nullptr) != napi_ok) return throw_type_error(env, "open takes at most 1 argument");
  if (!has_sha256()) return throw_error(env, "ERR_NATIVE_CRYPTO", "this Node does not share its SHA-256");
  std::unique_ptr<Digester> digester(new (std::nothrow) Digester());
  if (digester == nullptr) return throw_error(env, "ERR_NATIVE_MEMORY", "no memory");
  napi_valuetype type = napi_undefined;
  if (count > 0 && napi_typeof(env, arguments[0], &type) != napi_ok) return throw_type_error(env, "key must be a Uint8Array");
  Bytes key{nullptr, 0};
  if (type != napi_undefined && !read_bytes(env, arguments[0], &key)) return throw_type_error(env, "key must be a Uint8Array");
  const bool opened = type == napi_undefined ? digester->hasher.open() : digester->hasher.open(key.data, key.length);
  if (!opened) return throw_error(env, "ERR_NATIVE_CRYPTO", "SHA-256 failed");
  napi_value external;
  if (napi_create_external(env, digester.get(), delete_digester, nullptr, &external) != napi_ok) return nullptr;
  digester.release();
  return external;
}

napi_value digest(napi_env env, napi_callback_info info) {
  static constexpr char kHex[] = "0123456789abcdef";
  size_t count = 4;
  napi_value arguments[4];
  if (napi_get_cb_info(env, info, &count, arguments, nullptr, nullptr) != napi_ok || count != 4) return throw_type_error(env, "digest takes 4 arguments");
  void* data = nullptr;
  Bytes bytes;
  uint32_t from = 0, to = 0;
  if (napi_get_value_external(env, arguments[0], &data) != napi_ok || data == nullptr) return throw_type_error(env, "hasher must come from open");
  if (!read_bytes(env, arguments[1], &bytes)) return throw_type_error(env, "bytes must be a Uint8Array");
  if (!read_uint32(env, arguments[2], &from) || !read_uint32(env, arguments[3], &to)) return throw_type_error(env, "from and to must be whole numbers of at most 32 bits");
  if (from > to || to > bytes.length) return throw_range_error(env, "from and to must lie within bytes");
  auto* const digester = static_cast<Digester*>(data);
  napi_value result = nullptr;
  try {
    uint8_t sum[kDigestBytes];
    if (!digester->canonical.write(bytes.data + from, bytes.data + to)) return nullptr;
    const CanonicalText& text = digester->canonical.text();
    if (!digester->hasher.digest(reinterpret_cast<const uint8_t*>(text.data()), text.size(), sum)) return throw_error(env, "ERR_NATIVE_CRYPTO", "SHA-256 failed");
    digester->canonical.trim();
    char hex[2 * kDigestBytes];
    for (size_t at = 0; at < kDigestBytes; ++at) {
      hex[2 * at] = kHex[sum[at] >> 4];
      hex[2 * at + 1] = kHex[sum[at] & 15];
    }
    return napi_create_string_latin1(env, hex, sizeof hex, &result) == napi_ok ? result : nullptr;
  } catch (const std::exception&) {
    return throw_error(env, "ERR_NATIVE_MEMORY", "the arguments digest ran out of memory");
  }
}

}  // namespace
}  // namespace precinct

NAPI_MODULE_INIT() {
  const bool registered = precinct::set_function(env, exports, "open", precinct::open) &&
                          precinct::set_function(env, exports, "digest", precinct::digest) &&
                          precinct::set_uint32(env, exports, "contract", precinct::kContract);
  return registered ? exports : precinct::throw_error(env, "ERR_NATIVE_INIT", "the arguments digest can't be registered");
}
