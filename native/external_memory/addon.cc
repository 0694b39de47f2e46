// external_memory.node: adjust(bytes: number): what V8 takes a thread's memory outside of its heap for, changed by so much; answers what it is then.
#include "../napi_call.h"

namespace precinct {
namespace {

// Raised with every change of the verb; src/base/native/external-memory.ts holds the same number.
constexpr uint32_t kContract = 1;

napi_value adjust(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value arguments[1];
  int64_t bytes = 0, known = 0;
  if (napi_get_cb_info(env, info, &count, arguments, nullptr, nullptr) != napi_ok || count != 1) return throw_type_error(env, "adjust takes 1 argument");
  if (napi_get_value_int64(env, arguments[0], &bytes) != napi_ok) return throw_type_error(env, "bytes must be a number");
  if (napi_adjust_external_memory(env, bytes, &known) != napi_ok) return throw_error(env, "ERR_NATIVE_MEMORY", "the engine keeps its account to itself");
  napi_value result;
  return napi_create_int64(env, known, &result) == napi_ok ? result : nullptr;
}

}  // namespace
}  // namespace precinct

NAPI_MODULE_INIT() {
  const bool registered = precinct::set_function(env, exports, "adjust", precinct::adjust) && precinct::set_uint32(env, exports, "contract", precinct::kContract);
  return registered ? exports : precinct::throw_error(env, "ERR_NATIVE_INIT", "external memory can't be registered");
}
