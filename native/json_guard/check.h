// check(bytes: Uint8Array, depthMax, keysMax, tokenizerOnly: boolean, out: Uint32Array): number
#pragma once
#include "../napi_call.h"
#include "guard.h"

namespace precinct {

napi_value check(napi_env env, napi_callback_info info);

}  // namespace precinct
