// json_guard.node: registers its verbs and draws the seed of the key hash, once per thread.
#include <new>
#include <random>

#include "../napi_call.h"
#include "check.h"
#include "skip.h"

namespace {

// Raised with every change of a verb's arguments, slots or statuses; src/base/json/native-guard.ts holds the same number.
constexpr uint32_t kContract = 4;

precinct::Guard* create_guard() {
  try {
    std::random_device random;
    const auto draw = [&random] { return (static_cast<uint64_t>(random()) << 32) | random(); };
    const uint64_t k0 = draw();
    return new precinct::Guard(k0, draw());
  } catch (...) {
    return nullptr;
  }
}

void delete_guard(napi_env, void* data, void*) { delete static_cast<precinct::Guard*>(data); }

}  // namespace

NAPI_MODULE_INIT() {
  precinct::Guard* const guard = create_guard();
  if (guard == nullptr) return precinct::throw_error(env, "ERR_NATIVE_INIT", "no randomness or memory for the JSON guard");
  if (napi_set_instance_data(env, guard, delete_guard, nullptr) != napi_ok) {
    delete guard;
    return precinct::throw_error(env, "ERR_NATIVE_INIT", "the JSON guard can't be registered");
  }
  const bool registered = precinct::set_function(env, exports, "check", precinct::check) && precinct::set_function(env, exports, "skip", precinct::skip) &&
                          precinct::set_string(env, exports, "scan", precinct::skip_plain_name()) &&
                          precinct::set_uint32(env, exports, "contract", kContract);
  return registered ? exports : precinct::throw_error(env, "ERR_NATIVE_INIT", "the JSON guard can't be registered");
}
