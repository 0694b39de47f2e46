// hyperscan.node: registers the verbs; refuses to load on a processor Hyperscan can't run on.
#include <cstdio>
#include <new>

#include "database.h"

namespace {

// Raised with every change of a verb's arguments or results; src/base/matcher/hyperscan.ts holds the same number.
constexpr uint32_t kContract = 1;

void delete_instance(napi_env, void* data, void*) {
  auto* const instance = static_cast<precinct::Instance*>(data);
  hs_free_scratch(instance->scratch);
  delete instance;
}

// What a serialized database is bound to besides the version.
bool describe_platform(char* text, size_t capacity) {
  hs_platform_info_t platform;
  if (hs_populate_platform(&platform) != HS_SUCCESS) return false;
  std::snprintf(text, capacity, "tune %u, features %llx", platform.tune, platform.cpu_features);
  return true;
}

}  // namespace

NAPI_MODULE_INIT() {
  if (hs_valid_platform() != HS_SUCCESS) return precinct::throw_error(env, "ERR_HYPERSCAN", "this processor lacks what Hyperscan needs (SSSE3)");
  char platform[64];
  if (!describe_platform(platform, sizeof platform)) return precinct::throw_error(env, "ERR_HYPERSCAN", "this processor can't be described");
  auto* const instance = new (std::nothrow) precinct::Instance{nullptr};
  if (instance == nullptr || napi_set_instance_data(env, instance, delete_instance, nullptr) != napi_ok) {
    delete instance;
    return precinct::throw_error(env, "ERR_NATIVE_INIT", "the Hyperscan addon can't be registered");
  }
  const bool registered = precinct::set_function(env, exports, "compile", precinct::compile) && precinct::set_function(env, exports, "scan", precinct::scan) &&
                          precinct::set_function(env, exports, "serialize", precinct::serialize) &&
                          precinct::set_function(env, exports, "deserialize", precinct::deserialize) && precinct::set_function(env, exports, "close", precinct::close) &&
                          precinct::set_string(env, exports, "version", hs_version()) && precinct::set_string(env, exports, "platform", platform) &&
                          precinct::set_uint32(env, exports, "contract", kContract);
  return registered ? exports : precinct::throw_error(env, "ERR_NATIVE_INIT", "the Hyperscan addon can't be registered");
}
