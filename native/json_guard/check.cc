// The verb `check`: arguments in, index into GUARD_STATUS out.
#include "check.h"

#include <exception>

namespace precinct {

napi_value check(napi_env env, napi_callback_info info) {
  size_t count = 5;
  napi_value arguments[5];
  if (napi_get_cb_info(env, info, &count, arguments, nullptr, nullptr) != napi_ok || count != 5) return throw_type_error(env, "check takes 5 arguments");
  Bytes bytes;
  Limits limits;
  void* out = nullptr;
  size_t out_length = 0;
  if (!read_bytes(env, arguments[0], &bytes)) return throw_type_error(env, "bytes must be a Uint8Array");
  if (!read_uint32(env, arguments[1], &limits.depth_max)) return throw_type_error(env, "depthMax must be a whole number of at most 32 bits");
  if (!read_uint32(env, arguments[2], &limits.keys_max)) return throw_type_error(env, "keysMax must be a whole number of at most 32 bits");
  if (napi_get_value_bool(env, arguments[3], &limits.tokenizer_only) != napi_ok) return throw_type_error(env, "tokenizerOnly must be a boolean");
  if (!read_typed_array(env, arguments[4], napi_uint32_array, &out, &out_length)) return throw_type_error(env, "out must be a Uint32Array");
  if (out_length < static_cast<size_t>(kOutLength)) return throw_range_error(env, "out is too short");
  if (bytes.length > UINT32_MAX) return throw_range_error(env, "bytes are longer than 4 GiB");

  void* guard = nullptr;
  if (napi_get_instance_data(env, &guard) != napi_ok || guard == nullptr) return throw_error(env, "ERR_NATIVE_STATE", "the JSON guard is gone");
  Status status;
  try {
    status = static_cast<Guard*>(guard)->check(bytes.data, bytes.length, limits, static_cast<uint32_t*>(out));
  } catch (const std::exception&) {
    return throw_error(env, "ERR_NATIVE_MEMORY", "the JSON guard ran out of memory");
  }
  napi_value result;
  return napi_create_uint32(env, status, &result) == napi_ok ? result : nullptr;
}

}  // namespace precinct
