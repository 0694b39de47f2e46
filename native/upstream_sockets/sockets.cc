#include "sockets.h"

#include <cerrno>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <new>

namespace precinct {
namespace {

// What one read may take: a larger answer comes in several turns, and others are not kept waiting for it.
constexpr size_t kReadBytes = 64 * 1024;

#ifdef MSG_NOSIGNAL
constexpr int kSendFlags = MSG_NOSIGNAL | MSG_DONTWAIT;
#else
constexpr int kSendFlags = MSG_DONTWAIT;
#endif

int copy_descriptor(int fd) {
  int copy;
  do copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
  while (copy == -1 && errno == EINTR);
  return copy;
}

}  // namespace

int Sockets::open(napi_env env, uv_loop_t* loop, Sockets** out) {
  auto* const sockets = new (std::nothrow) Sockets(env);
  if (sockets == nullptr) return UV_ENOMEM;
  sockets->loop_ = loop;
  const int failed = uv_check_init(loop, &sockets->check_);
  if (failed != 0) {
    delete sockets;
    return failed;
  }
  sockets->handles_ = 1;
  sockets->check_.data = sockets;
  uv_check_start(&sockets->check_, on_check);
  uv_unref(reinterpret_cast<uv_handle_t*>(&sockets->check_));
  // An environment that ends with open handles would abort the process.
  if (napi_add_async_cleanup_hook(env, on_environment_ends, sockets, &sockets->hook_) != napi_ok) {
    sockets->forget();
    sockets->close();
    return UV_ENOMEM;
  }
  *out = sockets;
  return 0;
}

bool Sockets::attach(napi_value read_buffer, napi_value events, napi_value listener) {
  void* bytes = nullptr;
  void* words = nullptr;
  if (!read_typed_array(env_, read_buffer, napi_uint8_array, &bytes, &read_bytes_) || read_bytes_ < kReadBytes || read_bytes_ > INT32_MAX) return false;
  if (!read_typed_array(env_, events, napi_int32_array, &words, &events_max_)) return false;
  events_max_ /= kEventWords;
  napi_valuetype type = napi_undefined;
  if (events_max_ < 1 || napi_typeof(env_, listener, &type) != napi_ok || type != napi_function) return false;
  read_buffer_ = static_cast<uint8_t*>(bytes);
  events_ = static_cast<int32_t*>(words);
  napi_value name;
  return napi_create_reference(env_, read_buffer, 1, &read_buffer_ref_) == napi_ok && napi_create_reference(env_, events, 1, &events_ref_) == napi_ok &&
         napi_create_reference(env_, listener, 1, &listener_ref_) == napi_ok &&
         napi_create_string_utf8(env_, "precinct:upstream_sockets", NAPI_AUTO_LENGTH, &name) == napi_ok && napi_async_init(env_, nullptr, name, &context_) == napi_ok;
}

int32_t Sockets::adopt(int fd) {
  if (closed_) return -EBADF;
  const int copy = copy_descriptor(fd);
  if (copy == -1) return -errno;
  auto* const socket = new (std::nothrow) Socket{};
  if (socket == nullptr) {
    ::close(copy);
    return -ENOMEM;
  }
  const int failed = uv_poll_init(loop_, &socket->poll, copy);
  if (failed != 0) {
    ::close(copy);
    delete socket;
    return failed;
  }
  if (free_.empty()) {
    free_.push_back(static_cast<uint32_t>(slots_.size()));
    slots_.push_back(nullptr);
  }
  const uint32_t slot = free_.back();
  free_.pop_back();
  slots_[slot] = socket;
  handles_ += 1;
  socket->poll.data = socket;
  socket->owner = this;
  socket->fd = copy;
  socket->slot = slot;
  const int32_t watched = watch(slot, true, false);
  if (watched != 0) {
    release(slot);
    return watched;
  }
  return static_cast<int32_t>(slot);
}

int32_t Sockets::watch(uint32_t slot, bool reads, bool writes) {
  Socket* const socket = at(slot);
  if (socket == nullptr) return -EBADF;
  socket->reads = reads;
  socket->writes = writes;
  if (!reads && !writes) return uv_poll_stop(&socket->poll);
  return uv_poll_start(&socket->poll, (reads ? UV_READABLE : 0) | (writes ? UV_WRITABLE : 0), on_poll);
}

void Sockets::release(uint32_t slot) {
  Socket* const socket = at(slot);
  if (socket == nullptr) return;
  slots_[slot] = nullptr;
  freed_.push_back(slot);
  // libuv forgets the descriptor before it is closed: another thread may be given its number at once.
  uv_close(reinterpret_cast<uv_handle_t*>(&socket->poll), on_handle_closed);
  ::close(socket->fd);
}

int32_t Sockets::send(uint32_t slot, const uint8_t* bytes, size_t length) {
  Socket* const socket = at(slot);
  if (socket == nullptr) return -EBADF;
  ssize_t sent;
  do sent = ::send(socket->fd, bytes, length, kSendFlags);
  while (sent == -1 && errno == EINTR);
  if (sent >= 0) return static_cast<int32_t>(sent);
  return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -errno;
}

void Sockets::on_poll(uv_poll_t* handle, int status, int events) {
  auto* const socket = static_cast<Socket*>(handle->data);
  socket->owner->ready(socket, status, events);
}

void Sockets::ready(Socket* socket, int status, int events) {
  const uint32_t slot = socket->slot;
  if (status < 0) {
    note(slot, 0, status);
    if (at(slot) == socket) uv_poll_stop(&socket->poll);
    return;
  }
  if ((events & UV_READABLE) != 0) read(socket);
  // Reading may have told JavaScript, which may have let go of the socket.
  if (at(slot) == socket && (events & UV_WRITABLE) != 0) note(slot, kWritable, 0);
}

void Sockets::read(Socket* socket) {
  const uint32_t slot = socket->slot;
  if (read_bytes_ - used_ < kReadBytes) {
    tell();
    if (at(slot) != socket || !socket->reads) return;
  }
  ssize_t got;
  do got = recv(socket->fd, read_buffer_ + used_, kReadBytes, MSG_DONTWAIT);
  while (got == -1 && errno == EINTR);
  if (got > 0) {
    const auto from = static_cast<int32_t>(used_);
    used_ += static_cast<size_t>(got);
    note(slot, from, static_cast<int32_t>(got));
    return;
  }
  if (got == -1 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
  const int32_t what = got == 0 ? 0 : -errno;
  uv_poll_stop(&socket->poll);  // level-triggered: the end would be told again and again
  note(slot, 0, what);
}

void Sockets::note(uint32_t slot, int32_t from, int32_t length) {
  int32_t* const event = events_ + count_ * kEventWords;
  event[0] = static_cast<int32_t>(slot);
  event[1] = from;
  event[2] = length;
  count_ += 1;
  if (count_ == events_max_) tell();
}

// The loop has polled: what has come is told.
void Sockets::on_check(uv_check_t* handle) {
  auto* const sockets = static_cast<Sockets*>(handle->data);
  if (sockets->count_ > 0) sockets->tell();
}

void Sockets::tell() {
  napi_handle_scope scope;
  if (napi_open_handle_scope(env_, &scope) != napi_ok) return;
  const auto count = static_cast<uint32_t>(count_);
  count_ = 0;
  used_ = 0;
  napi_value listener, receiver, number, result;
  if (!closed_ && napi_get_reference_value(env_, listener_ref_, &listener) == napi_ok && napi_get_global(env_, &receiver) == napi_ok &&
      napi_create_uint32(env_, count, &number) == napi_ok && napi_make_callback(env_, context_, receiver, listener, 1, &number, &result) == napi_pending_exception) {
    napi_value fault;
    if (napi_get_and_clear_last_exception(env_, &fault) == napi_ok) napi_fatal_exception(env_, fault);
  }
  free_.insert(free_.end(), freed_.begin(), freed_.end());
  freed_.clear();
  napi_close_handle_scope(env_, scope);
}

void Sockets::close() {
  if (closed_) return;
  closed_ = true;
  for (uint32_t slot = 0; slot < slots_.size(); ++slot) release(slot);
  uv_close(reinterpret_cast<uv_handle_t*>(&check_), on_handle_closed);
}

void Sockets::on_handle_closed(uv_handle_t* handle) {
  if (handle->type == UV_CHECK) {
    static_cast<Sockets*>(handle->data)->handle_closed();
    return;
  }
  auto* const socket = static_cast<Socket*>(handle->data);
  Sockets* const owner = socket->owner;
  delete socket;
  owner->handle_closed();
}

void Sockets::handle_closed() {
  handles_ -= 1;
  if (handles_ > 0) return;
  for (napi_ref reference : {read_buffer_ref_, events_ref_, listener_ref_}) {
    if (reference != nullptr) napi_delete_reference(env_, reference);
  }
  if (context_ != nullptr) napi_async_destroy(env_, context_);
  if (hook_ != nullptr) napi_remove_async_cleanup_hook(hook_);
  delete_when_over();
}

void Sockets::forget() {
  forgotten_ = true;
  delete_when_over();
}

void Sockets::delete_when_over() {
  if (forgotten_ && handles_ == 0) delete this;
}

void Sockets::on_environment_ends(napi_async_cleanup_hook_handle, void* data) { static_cast<Sockets*>(data)->close(); }

}  // namespace precinct
