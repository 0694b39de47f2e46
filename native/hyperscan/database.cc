// Wrapping and unwrapping of databases; every value is checked by type tag before its pointer is believed.
#include "database.h"

#include <cstdio>
#include <new>

namespace precinct {
namespace {

constexpr napi_type_tag kDatabaseTag = {0x6f1c9d0e5b3a4c7d, 0x92e4a7f0186b53c1};

void finalize(napi_env, void* data, void*) {
  auto* const database = static_cast<Database*>(data);
  hs_free_database(database->compiled);
  delete database;
}

}  // namespace

napi_value throw_hyperscan_error(napi_env env, const char* verb, hs_error_t code) {
  char message[96];
  std::snprintf(message, sizeof message, "Hyperscan %s failed with code %d", verb, code);
  return throw_error(env, "ERR_HYPERSCAN", message);
}

napi_value wrap_database(napi_env env, hs_database_t* compiled) {
  void* instance = nullptr;
  if (napi_get_instance_data(env, &instance) != napi_ok || instance == nullptr) {
    hs_free_database(compiled);
    return throw_error(env, "ERR_NATIVE_STATE", "the Hyperscan instance is gone");
  }
  const hs_error_t grown = hs_alloc_scratch(compiled, &static_cast<Instance*>(instance)->scratch);
  if (grown != HS_SUCCESS) {
    hs_free_database(compiled);
    return throw_hyperscan_error(env, "scratch", grown);
  }
  auto* const database = new (std::nothrow) Database{compiled};
  if (database == nullptr) {
    hs_free_database(compiled);
    return throw_error(env, "ERR_NATIVE_MEMORY", "out of memory");
  }
  napi_value value;
  if (napi_create_external(env, database, finalize, nullptr, &value) != napi_ok) {
    finalize(env, database, nullptr);
    return throw_error(env, "ERR_NATIVE_STATE", "the database can't be wrapped");
  }
  if (napi_type_tag_object(env, value, &kDatabaseTag) != napi_ok) return throw_error(env, "ERR_NATIVE_STATE", "the database can't be tagged");
  return value;
}

Database* read_database(napi_env env, napi_value value) {
  napi_valuetype type;
  bool is_database = false;
  void* data = nullptr;
  if (napi_typeof(env, value, &type) != napi_ok || type != napi_external || napi_check_object_type_tag(env, value, &kDatabaseTag, &is_database) != napi_ok ||
      !is_database || napi_get_value_external(env, value, &data) != napi_ok || data == nullptr) {
    throw_type_error(env, "not a Hyperscan database");
    return nullptr;
  }
  return static_cast<Database*>(data);
}

Database* read_open_database(napi_env env, napi_value value) {
  Database* const database = read_database(env, value);
  if (database == nullptr) return nullptr;
  if (database->compiled == nullptr) {
    throw_error(env, "ERR_DATABASE_CLOSED", "the Hyperscan database is closed");
    return nullptr;
  }
  return database;
}

}  // namespace precinct
