// serialize(database): Buffer. Bound to this Hyperscan version and processor features: for other threads and for this machine's cache, never to ship.
#include <cstdlib>

#include "database.h"

namespace precinct {

napi_value serialize(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value argument;
  if (napi_get_cb_info(env, info, &count, &argument, nullptr, nullptr) != napi_ok || count != 1) return throw_type_error(env, "serialize takes 1 argument");
  const Database* const database = read_open_database(env, argument);
  if (database == nullptr) return nullptr;
  char* bytes = nullptr;
  size_t length = 0;
  const hs_error_t code = hs_serialize_database(database->compiled, &bytes, &length);
  if (code != HS_SUCCESS) return throw_hyperscan_error(env, "serialize", code);
  napi_value result;
  const napi_status made = napi_create_buffer_copy(env, length, bytes, nullptr, &result);
  std::free(bytes);
  return made == napi_ok ? result : throw_error(env, "ERR_NATIVE_MEMORY", "out of memory while serializing");
}

}  // namespace precinct
