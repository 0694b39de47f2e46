// close(database): frees it now instead of at garbage collection. Closing twice is harmless; any other use of a closed one throws.
#include "database.h"

namespace precinct {

napi_value close(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value argument;
  if (napi_get_cb_info(env, info, &count, &argument, nullptr, nullptr) != napi_ok || count != 1) return throw_type_error(env, "close takes 1 argument");
  Database* const database = read_database(env, argument);
  if (database == nullptr) return nullptr;
  hs_free_database(database->compiled);
  database->compiled = nullptr;
  return nullptr;
}

}  // namespace precinct
