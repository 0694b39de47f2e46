// skip(bytes: Uint8Array, at, depth, inString: boolean): number. The twin of walkRest in src/base/json/skip-rest.ts.
#pragma once
#include <cstddef>
#include <cstdint>

#include "../napi_call.h"

namespace precinct {

// The offset after the JSON value that bytes[at] lies in: `depth` containers are open there, and a string if `in_string`. Nothing is validated; bytes that end too soon give their length, or one more within a string.
size_t skip_rest(const uint8_t* bytes, size_t length, size_t at, uint32_t depth, bool in_string);

napi_value skip(napi_env env, napi_callback_info info);

}  // namespace precinct
