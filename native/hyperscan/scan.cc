// scan(database, bytes: Uint8Array, out: Uint32Array): number of ids written to `out`, one per report; -1 when there were more reports than places.
#include "database.h"

namespace precinct {
namespace {

struct Hits {
  uint32_t* ids;
  size_t capacity;
  size_t count;
  bool overflow;
};

int note_hit(unsigned id, unsigned long long, unsigned long long, unsigned, void* context) {
  auto* const hits = static_cast<Hits*>(context);
  if (hits->count == hits->capacity) {
    hits->overflow = true;
    return 1;
  }
  hits->ids[hits->count++] = id;
  return 0;
}

}  // namespace

napi_value scan(napi_env env, napi_callback_info info) {
  size_t count = 3;
  napi_value arguments[3];
  if (napi_get_cb_info(env, info, &count, arguments, nullptr, nullptr) != napi_ok || count != 3) return throw_type_error(env, "scan takes 3 arguments");
  const Database* const database = read_open_database(env, arguments[0]);
  if (database == nullptr) return nullptr;
  Bytes bytes;
  void* out = nullptr;
  size_t out_length = 0;
  void* instance = nullptr;
  if (!read_bytes(env, arguments[1], &bytes)) return throw_type_error(env, "bytes must be a Uint8Array");
  if (!read_typed_array(env, arguments[2], napi_uint32_array, &out, &out_length)) return throw_type_error(env, "out must be a Uint32Array");
  if (bytes.length > UINT32_MAX) return throw_range_error(env, "bytes are longer than 4 GiB");
  if (napi_get_instance_data(env, &instance) != napi_ok || instance == nullptr) return throw_error(env, "ERR_NATIVE_STATE", "the Hyperscan instance is gone");

  Hits hits{static_cast<uint32_t*>(out), out_length, 0, false};
  const char* const data = bytes.length == 0 ? "" : reinterpret_cast<const char*>(bytes.data);
  const hs_error_t code = hs_scan(database->compiled, data, static_cast<unsigned>(bytes.length), 0, static_cast<Instance*>(instance)->scratch, note_hit, &hits);
  if (code != HS_SUCCESS && !(code == HS_SCAN_TERMINATED && hits.overflow)) return throw_hyperscan_error(env, "scan", code);
  napi_value result;
  return napi_create_int32(env, hits.overflow ? -1 : static_cast<int32_t>(hits.count), &result) == napi_ok ? result : nullptr;
}

}  // namespace precinct
