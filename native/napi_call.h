// What the addons share: argument checks that end in a JavaScript error, never in undefined behaviour.
#pragma once
#define NAPI_VERSION 8
#include <node_api.h>
#include <cstddef>
#include <cstdint>

namespace precinct {

struct Bytes {
  const uint8_t* data;
  size_t length;
};

inline napi_value throw_type_error(napi_env env, const char* message) {
  napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE", message);
  return nullptr;
}

inline napi_value throw_range_error(napi_env env, const char* message) {
  napi_throw_range_error(env, "ERR_OUT_OF_RANGE", message);
  return nullptr;
}

inline napi_value throw_error(napi_env env, const char* code, const char* message) {
  napi_throw_error(env, code, message);
  return nullptr;
}

// A detached buffer reads as length 0. The pointer is good until JavaScript runs again.
inline bool read_typed_array(napi_env env, napi_value value, napi_typedarray_type wanted, void** data, size_t* length) {
  bool is_typed_array = false;
  if (napi_is_typedarray(env, value, &is_typed_array) != napi_ok || !is_typed_array) return false;
  napi_typedarray_type type;
  if (napi_get_typedarray_info(env, value, &type, length, data, nullptr, nullptr) != napi_ok || type != wanted) return false;
  if (*data == nullptr) *length = 0;
  return true;
}

inline bool read_bytes(napi_env env, napi_value value, Bytes* out) {
  void* data = nullptr;
  size_t length = 0;
  if (!read_typed_array(env, value, napi_uint8_array, &data, &length)) return false;
  *out = {static_cast<const uint8_t*>(data), length};
  return true;
}

// Numbers that are no whole uint32 are refused: napi's own conversion would wrap them.
inline bool read_uint32(napi_env env, napi_value value, uint32_t* out) {
  double number = 0;
  if (napi_get_value_double(env, value, &number) != napi_ok) return false;
  if (!(number >= 0 && number <= 4294967295.0)) return false;
  *out = static_cast<uint32_t>(number);
  return static_cast<double>(*out) == number;
}

inline bool set_function(napi_env env, napi_value exports, const char* name, napi_callback callback) {
  napi_value function;
  return napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, nullptr, &function) == napi_ok &&
         napi_set_named_property(env, exports, name, function) == napi_ok;
}

inline bool set_string(napi_env env, napi_value exports, const char* name, const char* text) {
  napi_value value;
  return napi_create_string_utf8(env, text, NAPI_AUTO_LENGTH, &value) == napi_ok &&
         napi_set_named_property(env, exports, name, value) == napi_ok;
}

inline bool set_uint32(napi_env env, napi_value exports, const char* name, uint32_t number) {
  napi_value value;
  return napi_create_uint32(env, number, &value) == napi_ok && napi_set_named_property(env, exports, name, value) == napi_ok;
}

}  // namespace precinct
