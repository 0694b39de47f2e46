// A compiled database as JavaScript holds it, and the scratch memory of one thread.
#pragma once
#include <hs.h>

#include "../napi_call.h"

namespace precinct {

// Owned by one JavaScript value of one thread. Other threads get their own through serialize and deserialize: no pointer ever crosses.
struct Database {
  hs_database_t* compiled;  // null once closed
};

// One per thread: scratch can't be used by two scans at once, and a scan never calls back into JavaScript.
struct Instance {
  hs_scratch_t* scratch;
};

// Takes ownership of `compiled`, grows the thread's scratch to fit it, and wraps it. On failure frees it, throws and returns null.
napi_value wrap_database(napi_env env, hs_database_t* compiled);

// Throws TypeError and returns null for anything that is no database of this addon.
Database* read_database(napi_env env, napi_value value);

// As read_database, and a closed one throws too.
Database* read_open_database(napi_env env, napi_value value);

napi_value throw_hyperscan_error(napi_env env, const char* verb, hs_error_t code);

napi_value compile(napi_env env, napi_callback_info info);
napi_value scan(napi_env env, napi_callback_info info);
napi_value serialize(napi_env env, napi_callback_info info);
napi_value deserialize(napi_env env, napi_callback_info info);
napi_value close(napi_env env, napi_callback_info info);

}  // namespace precinct
