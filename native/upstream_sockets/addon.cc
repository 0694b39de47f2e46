// upstream_sockets.node: open(readBuffer, events: Int32Array, listener(count)): External; adopt(sockets, fd): slot; send(sockets, bytes, sends: Int32Array, count);
// watch(sockets, slot, reads, writes); release(sockets, slot); close(sockets). Answers that are negative are -errno.
#include "sockets.h"

namespace precinct {
namespace {

// Raised with every change of a verb's arguments or answer; src/upstream/h1/native-wire.ts holds the same number.
constexpr uint32_t kContract = 1;

bool read_sockets(napi_env env, napi_value value, Sockets** out) {
  void* data = nullptr;
  if (napi_get_value_external(env, value, &data) != napi_ok || data == nullptr) return false;
  *out = static_cast<Sockets*>(data);
  return true;
}

napi_value number(napi_env env, int32_t value) {
  napi_value result;
  return napi_create_int32(env, value, &result) == napi_ok ? result : nullptr;
}

void forget(napi_env, void* data, void*) { static_cast<Sockets*>(data)->forget(); }

napi_value open(napi_env env, napi_callback_info info) {
  size_t count = 3;
  napi_value arguments[3];
  if (napi_get_cb_info(env, info, &count, arguments, nullptr, nullptr) != napi_ok || count != 3) return throw_type_error(env, "open takes 3 arguments");
  uv_loop_t* loop = nullptr;
  if (napi_get_uv_event_loop(env, &loop) != napi_ok) return throw_error(env, "ERR_NATIVE_LOOP", "this thread has no event loop");
  Sockets* sockets = nullptr;
  if (Sockets::open(env, loop, &sockets) != 0) return throw_error(env, "ERR_NATIVE_LOOP", "the event loop takes no handle");
  napi_value external;
  if (napi_create_external(env, sockets, forget, nullptr, &external) != napi_ok) {
    sockets->forget();
    sockets->close();
    return nullptr;
  }
  if (sockets->attach(arguments[0], arguments[1], arguments[2])) return external;
  sockets->close();
  return throw_type_error(env, "open takes a Uint8Array of at least 64 KiB, an Int32Array and a function");
}

napi_value adopt(napi_env env, napi_callback_info info) {
  size_t count = 2;
  napi_value arguments[2];
  Sockets* sockets;
  uint32_t fd;
  if (napi_get_cb_info(env, info, &count, arguments, nullptr, nullptr) != napi_ok || count != 2 || !read_sockets(env, arguments[0], &sockets) || !read_uint32(env, arguments[1], &fd) ||
      fd > INT32_MAX) {
    return throw_type_error(env, "adopt takes sockets and a descriptor");
  }
  return number(env, sockets->adopt(static_cast<int>(fd)));
}

napi_value send(napi_env env, napi_callback_info info) {
  size_t count = 4;
  napi_value arguments[4];
  Sockets* sockets;
  Bytes bytes;
  void* data = nullptr;
  size_t words_length = 0;
  uint32_t sends;
  if (napi_get_cb_info(env, info, &count, arguments, nullptr, nullptr) != napi_ok || count != 4 || !read_sockets(env, arguments[0], &sockets) || !read_bytes(env, arguments[1], &bytes) ||
      !read_typed_array(env, arguments[2], napi_int32_array, &data, &words_length) || !read_uint32(env, arguments[3], &sends)) {
    return throw_type_error(env, "send takes sockets, a Uint8Array, an Int32Array and a count");
  }
  if (sends > words_length / kSendWords) return throw_range_error(env, "there are fewer sends than that");
  auto* words = static_cast<int32_t*>(data);
  for (uint32_t at = 0; at < sends; ++at, words += kSendWords) {
    const int32_t from = words[1], to = words[2];
    if (words[0] < 0 || from < 0 || to < from || static_cast<size_t>(to) > bytes.length) return throw_range_error(env, "a send lies outside the bytes");
    words[3] = sockets->send(static_cast<uint32_t>(words[0]), bytes.data + from, static_cast<size_t>(to - from));
  }
  return nullptr;
}

napi_value watch(napi_env env, napi_callback_info info) {
  size_t count = 4;
  napi_value arguments[4];
  Sockets* sockets;
  uint32_t slot;
  bool reads, writes;
  if (napi_get_cb_info(env, info, &count, arguments, nullptr, nullptr) != napi_ok || count != 4 || !read_sockets(env, arguments[0], &sockets) || !read_uint32(env, arguments[1], &slot) ||
      napi_get_value_bool(env, arguments[2], &reads) != napi_ok || napi_get_value_bool(env, arguments[3], &writes) != napi_ok) {
    return throw_type_error(env, "watch takes sockets, a slot and two booleans");
  }
  return number(env, sockets->watch(slot, reads, writes));
}

napi_value release(napi_env env, napi_callback_info info) {
  size_t count = 2;
  napi_value arguments[2];
  Sockets* sockets;
  uint32_t slot;
  if (napi_get_cb_info(env, info, &count, arguments, nullptr, nullptr) != napi_ok || count != 2 || !read_sockets(env, arguments[0], &sockets) || !read_uint32(env, arguments[1], &slot)) {
    return throw_type_error(env, "release takes sockets and a slot");
  }
  sockets->release(slot);
  return nullptr;
}

napi_value close(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value arguments[1];
  Sockets* sockets;
  if (napi_get_cb_info(env, info, &count, arguments, nullptr, nullptr) != napi_ok || count != 1 || !read_sockets(env, arguments[0], &sockets)) return throw_type_error(env, "close takes sockets");
  sockets->close();
  return nullptr;
}

}  // namespace
}  // namespace precinct

NAPI_MODULE_INIT() {
  using namespace precinct;
  const bool registered = set_function(env, exports, "open", precinct::open) && set_function(env, exports, "adopt", adopt) && set_function(env, exports, "send", precinct::send) &&
                          set_function(env, exports, "watch", watch) && set_function(env, exports, "release", release) && set_function(env, exports, "close", precinct::close) &&
                          set_uint32(env, exports, "contract", kContract);
  return registered ? exports : throw_error(env, "ERR_NATIVE_INIT", "the upstream sockets can't be registered");
}
