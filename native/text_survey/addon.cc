// text_survey.node: survey(bytes: Uint8Array, first?: boolean): a sum of signs.
#include "../napi_call.h"
#include "survey.h"

namespace precinct {
namespace {

// Raised with every change of the verb or of a sign; src/base/text/survey.ts holds the same number.
constexpr uint32_t kContract = 7;

napi_value survey_text(napi_env env, napi_callback_info info) {
  size_t count = 2;
  napi_value arguments[2];
  Bytes bytes;
  bool first = false;
  if (napi_get_cb_info(env, info, &count, arguments, nullptr, nullptr) != napi_ok || count < 1 || count > 2) return throw_type_error(env, "survey takes 1 or 2 arguments");
  if (!read_bytes(env, arguments[0], &bytes)) return throw_type_error(env, "bytes must be a Uint8Array");
  if (count == 2 && napi_get_value_bool(env, arguments[1], &first) != napi_ok) return throw_type_error(env, "first must be a boolean");
  napi_value result;
  return napi_create_uint32(env, survey(bytes.data, bytes.length, first), &result) == napi_ok ? result : nullptr;
}

}  // namespace
}  // namespace precinct

NAPI_MODULE_INIT() {
  const bool registered = precinct::set_function(env, exports, "survey", precinct::survey_text) && precinct::set_uint32(env, exports, "contract", precinct::kContract);
  return registered ? exports : precinct::throw_error(env, "ERR_NATIVE_INIT", "the text survey can't be registered");
}
