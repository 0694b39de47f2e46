// deserialize(bytes: Uint8Array): Database. The caller has checked that the bytes are what serialize gave; Hyperscan checks version, processor features and its own checksum.
#include <cstring>
#include <memory>
#include <new>

#include "database.h"

namespace precinct {

napi_value deserialize(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value argument;
  if (napi_get_cb_info(env, info, &count, &argument, nullptr, nullptr) != napi_ok || count != 1) return throw_type_error(env, "deserialize takes 1 argument");
  Bytes bytes;
  if (!read_bytes(env, argument, &bytes)) return throw_type_error(env, "bytes must be a Uint8Array");
  if (bytes.length == 0) return throw_range_error(env, "bytes are empty");
  // A private, aligned copy: memory shared with other threads must not change between Hyperscan's checks and its use.
  const std::unique_ptr<char[]> copy(new (std::nothrow) char[bytes.length]);
  if (copy == nullptr) return throw_error(env, "ERR_NATIVE_MEMORY", "out of memory while deserializing");
  std::memcpy(copy.get(), bytes.data, bytes.length);
  hs_database_t* compiled = nullptr;
  const hs_error_t code = hs_deserialize_database(copy.get(), bytes.length, &compiled);
  return code == HS_SUCCESS ? wrap_database(env, compiled) : throw_hyperscan_error(env, "deserialize", code);
}

}  // namespace precinct
