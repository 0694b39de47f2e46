// compile(sources: string[], flags: Uint32Array): Database. The id of a pattern is its index. A pattern Hyperscan refuses throws code ERR_PATTERN with its `index`.
#include <string>
#include <vector>

#include "database.h"

namespace precinct {
namespace {

constexpr uint32_t kPatternsMax = 100000;

// False with an exception pending.
bool read_sources(napi_env env, napi_value array, uint32_t count, std::vector<std::string>* sources) {
  for (uint32_t index = 0; index < count; ++index) {
    napi_value element;
    size_t length = 0;
    if (napi_get_element(env, array, index, &element) != napi_ok || napi_get_value_string_utf8(env, element, nullptr, 0, &length) != napi_ok) {
      throw_type_error(env, "sources must be strings");
      return false;
    }
    std::string source(length + 1, '\0');
    if (napi_get_value_string_utf8(env, element, &source[0], length + 1, &length) != napi_ok) {
      throw_type_error(env, "sources must be strings");
      return false;
    }
    source.resize(length);
    // Hyperscan would read the pattern only up to the NUL: another pattern than the one that was asked for.
    if (source.find('\0') != std::string::npos) {
      throw_type_error(env, "a pattern must not hold NUL");
      return false;
    }
    sources->push_back(std::move(source));
  }
  return true;
}

napi_value throw_pattern_error(napi_env env, hs_compile_error_t* error) {
  const int index = error->expression;
  const std::string reason = error->message == nullptr ? "refused" : error->message;
  hs_free_compile_error(error);
  napi_value code, message, value, number;
  const bool made = napi_create_string_utf8(env, "ERR_PATTERN", NAPI_AUTO_LENGTH, &code) == napi_ok &&
                    napi_create_string_utf8(env, reason.data(), reason.size(), &message) == napi_ok &&
                    napi_create_error(env, code, message, &value) == napi_ok && napi_create_int32(env, index, &number) == napi_ok &&
                    napi_set_named_property(env, value, "index", number) == napi_ok;
  if (made) napi_throw(env, value);
  else throw_error(env, "ERR_PATTERN", "a pattern is refused");
  return nullptr;
}

}  // namespace

napi_value compile(napi_env env, napi_callback_info info) try {
  size_t count = 2;
  napi_value arguments[2];
  if (napi_get_cb_info(env, info, &count, arguments, nullptr, nullptr) != napi_ok || count != 2) return throw_type_error(env, "compile takes 2 arguments");
  bool is_array = false;
  uint32_t patterns = 0;
  if (napi_is_array(env, arguments[0], &is_array) != napi_ok || !is_array || napi_get_array_length(env, arguments[0], &patterns) != napi_ok) {
    return throw_type_error(env, "sources must be an array");
  }
  if (patterns == 0 || patterns > kPatternsMax) return throw_range_error(env, "too few or too many patterns");
  std::vector<std::string> sources;
  if (!read_sources(env, arguments[0], patterns, &sources)) return nullptr;
  // Read after the strings: a getter in the array may have detached the buffer.
  void* flags = nullptr;
  size_t flag_count = 0;
  if (!read_typed_array(env, arguments[1], napi_uint32_array, &flags, &flag_count)) return throw_type_error(env, "flags must be a Uint32Array");
  if (flag_count != patterns) return throw_range_error(env, "one flag word per pattern");

  std::vector<const char*> expressions;
  std::vector<unsigned> ids;
  for (uint32_t index = 0; index < patterns; ++index) {
    expressions.push_back(sources[index].c_str());
    ids.push_back(index);
  }
  const std::vector<unsigned> words(static_cast<uint32_t*>(flags), static_cast<uint32_t*>(flags) + patterns);
  hs_database_t* compiled = nullptr;
  hs_compile_error_t* error = nullptr;
  const hs_error_t code = hs_compile_multi(expressions.data(), words.data(), ids.data(), patterns, HS_MODE_BLOCK, nullptr, &compiled, &error);
  if (code == HS_SUCCESS) return wrap_database(env, compiled);
  return error == nullptr ? throw_hyperscan_error(env, "compile", code) : throw_pattern_error(env, error);
} catch (const std::exception&) {
  return throw_error(env, "ERR_NATIVE_MEMORY", "out of memory while compiling patterns");
}

}  // namespace precinct
