// The verbs of audit_lines.node.
#pragma once
#include "../napi_call.h"

namespace precinct {

napi_value seal(napi_env env, napi_callback_info info);
napi_value open_request(napi_env env, napi_callback_info info);
napi_value set_run(napi_env env, napi_callback_info info);
napi_value write_request(napi_env env, napi_callback_info info);

}  // namespace precinct
