// text_survey.node: survey(bytes: Uint8Array): a sum of signs.
#include "../napi_call.h"
#include "survey.h"

namespace precinct {
namespace {

// Raised with every change of the verb or of a sign; src/base/text/survey.ts holds the same number.
constexpr uint32_t kContract = 1;

napi_value survey_text(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value arguments[1];
  Bytes bytes;
  if (napi_get_cb_info(env, info, &count, arguments, nullptr, nullptr) != napi_ok || count != 1) return throw_type_error(env, "survey takes 1 argument");
  if (!read_bytes(env, arguments[0], &bytes)) return throw_type_error(env, "bytes must be a Uint8Array");
  napi_value result;
  return napi_create_uint32(env, survey(bytes.data, bytes.length), &result) == napi_ok ? result : nullptr;
}

}  // namespace
}  // namespace precinct

NAPI_MODULE_INIT() {
  const bool registered = precinct::set_function(env, exports, "survey", precinct::survey_text) && precinct::set_uint32(env, exports, "contract", precinct::kContract);
  return registered ? exports : precinct::throw_error(env, "ERR_NATIVE_INIT", "the text survey can't be registered");
}
