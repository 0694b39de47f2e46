// The sockets of one upstream client: bytes that have come are gathered over a turn of the event loop and told to JavaScript once.
#pragma once
#include <uv.h>

#include <memory>
#include <vector>

#include "../napi_call.h"

namespace precinct {

// Words of one event and of one send; src/upstream/h1/native-wire.ts has the same numbers.
constexpr size_t kEventWords = 3;  // slot, where its bytes begin (or kWritable), how many there are; 0 = the server has ended its side; negative = -errno
constexpr int32_t kWritable = -1;
constexpr size_t kSendWords = 4;  // slot, from, to; the answer: how many bytes the kernel took, or -errno

class Sockets;

struct Socket {
  uv_poll_t poll;
  Sockets* owner;
  int fd;
  uint32_t slot;
  bool reads;
  bool writes;
};

// Lives until JavaScript has let go of it and its handles are closed, whichever is later.
class Sockets {
 public:
  // 0 or a libuv error.
  static int open(napi_env env, uv_loop_t* loop, Sockets** out);

  // JavaScript's part: buffers that it never detaches, and whom to tell.
  bool attach(napi_value read_buffer, napi_value events, napi_value listener);

  // A copy of the descriptor is watched from here on. The slot, or -errno.
  int32_t adopt(int fd);
  // 0 or -errno.
  int32_t watch(uint32_t slot, bool reads, bool writes);
  void release(uint32_t slot);
  // Bytes that the kernel took, or -errno.
  int32_t send(uint32_t slot, const uint8_t* bytes, size_t length);

  // Ends everything; nothing is told any more.
  void close();
  // JavaScript has let go of it.
  void forget();

 private:
  explicit Sockets(napi_env env) : env_(env) {}

  static void on_poll(uv_poll_t* handle, int status, int events);
  static void on_check(uv_check_t* handle);
  static void on_handle_closed(uv_handle_t* handle);
  static void on_environment_ends(napi_async_cleanup_hook_handle handle, void* data);

  void ready(Socket* socket, int status, int events);
  void read(Socket* socket);
  void note(uint32_t slot, int32_t from, int32_t length);
  void tell();
  Socket* at(uint32_t slot) const { return slot < slots_.size() ? slots_[slot] : nullptr; }
  void handle_closed();
  void delete_when_over();

  napi_env env_;
  uv_loop_t* loop_ = nullptr;
  uv_check_t check_;
  napi_async_cleanup_hook_handle hook_ = nullptr;
  napi_async_context context_ = nullptr;
  napi_ref read_buffer_ref_ = nullptr;
  napi_ref events_ref_ = nullptr;
  napi_ref listener_ref_ = nullptr;
  uint8_t* read_buffer_ = nullptr;
  size_t read_bytes_ = 0;
  int32_t* events_ = nullptr;
  size_t events_max_ = 0;
  size_t used_ = 0;
  size_t count_ = 0;
  std::vector<Socket*> slots_;
  std::vector<uint32_t> free_;
  // Free once what was gathered while they were taken is told.
  std::vector<uint32_t> freed_;
  size_t handles_ = 0;
  bool closed_ = false;
  bool forgotten_ = false;
};

}  // namespace precinct
