// seal(ring: Uint8Array, commit: Uint8Array, state: Float64Array) copies the waiting lines of a lane into a commit and seals them there, as
// src/audit/seal.ts has it. The ring is shared memory: what lies before `until` is the caller's alone while it is here.
#include <cinttypes>
#include <cstdio>
#include <cstring>

#include "../sha256.h"
#include "lines.h"
#include "pen.h"

namespace precinct {
namespace {

// src/audit/lane-layout.ts: what stands where in a lane's ring.
constexpr size_t kAlign = 128;
constexpr size_t kHeaderBytes = 128;
constexpr size_t kHashAt = 64;
enum HeaderWord { kLength, kWantsSeal, kOutcome, kSeqLow, kSeqHigh };
constexpr uint32_t kDurable = 1;

// src/audit/seal.ts: what stands where in the state.
enum StateWord { kFrom, kUntil, kAt, kSeq, kLimit, kLines, kIntents, kStateWords };

constexpr size_t kHexBytes = 2 * kDigestBytes;
constexpr char kSeqName[] = ",\"seq\":";
constexpr char kPrevName[] = ",\"prev_hash\":\"";
constexpr char kHashName[] = ",\"hash\":\"";
constexpr char kLineEnd[] = "\"}\n";
constexpr size_t kTypeAt = 9;  // `{"type":"`
constexpr uint8_t kFirstOfIntent = 'i';
constexpr double kSeqMax = 9007199254740991.0;  // what a JavaScript number counts exactly
constexpr double kPositions = 4294967296.0;

void write_hex(const uint8_t* sum, uint8_t* out) {
  static constexpr char kDigits[] = "0123456789abcdef";
  for (size_t at = 0; at < kDigestBytes; ++at) {
    out[2 * at] = kDigits[sum[at] >> 4];
    out[2 * at + 1] = kDigits[sum[at] & 15];
  }
}

// A ring of records, each a header and a line.
class Ring {
 public:
  Ring(uint8_t* bytes, size_t size) : bytes_(bytes), size_(size), mask_(size - 1) {}
  size_t size() const { return size_; }
  uint8_t* header(uint32_t position) const { return bytes_ + (position & mask_); }
  uint32_t word(uint32_t position, HeaderWord which) const {
    uint32_t value;
    std::memcpy(&value, header(position) + 4 * which, sizeof value);
    return value;
  }
  void set_word(uint32_t position, HeaderWord which, uint32_t value) const { std::memcpy(header(position) + 4 * which, &value, sizeof value); }
  static uint32_t after(uint32_t position, size_t length) { return position + static_cast<uint32_t>((kHeaderBytes + length + kAlign - 1) & ~(kAlign - 1)); }
  // A line may go on at the ring's beginning.
  void copy_line(uint32_t position, size_t length, uint8_t* out) const {
    const size_t at = (position + kHeaderBytes) & mask_;
    const size_t first = length < size_ - at ? length : size_ - at;
    std::memcpy(out, bytes_ + at, first);
    std::memcpy(out + first, bytes_, length - first);
  }

 private:
  uint8_t* const bytes_;
  const size_t size_;
  const size_t mask_;
};

size_t sealed_bytes(size_t length, size_t seq_length) {
  return length + sizeof kSeqName - 1 + seq_length + sizeof kPrevName - 1 + kHexBytes + 1 + sizeof kHashName - 1 + kHexBytes + sizeof kLineEnd - 1;
}

// `link` holds the hash before in hex, and the line's own afterwards. The room was checked.
bool seal_line(const Hasher& hasher, uint8_t* line, size_t length, const char* seq, size_t seq_length, uint8_t* link) {
  Pen pen(line + length);
  pen.write(kSeqName);
  pen.write(seq, seq_length);
  pen.write(kPrevName);
  pen.write(link, kHexBytes);
  pen.write("\"");
  uint8_t* const hashed = pen.at();
  pen.write("}");
  uint8_t sum[kDigestBytes];
  if (!hasher.digest(line, static_cast<size_t>(pen.at() - line), sum)) return false;
  write_hex(sum, link);
  Pen seal(hashed);
  seal.write(kHashName);
  seal.write(link, kHexBytes);
  seal.write(kLineEnd);
  return true;
}

bool is_whole(double value, double below) { return value >= 0 && value < below && static_cast<double>(static_cast<uint64_t>(value)) == value; }

}  // namespace

napi_value seal(napi_env env, napi_callback_info info) {
  size_t count = 3;
  napi_value arguments[3];
  if (napi_get_cb_info(env, info, &count, arguments, nullptr, nullptr) != napi_ok || count != 3) return throw_type_error(env, "seal takes 3 arguments");
  void *lane_data = nullptr, *commit_data = nullptr, *state_data = nullptr;
  size_t lane_length = 0, commit_length = 0, state_length = 0;
  if (!read_typed_array(env, arguments[0], napi_uint8_array, &lane_data, &lane_length)) return throw_type_error(env, "lane must be a Uint8Array");
  if (!read_typed_array(env, arguments[1], napi_uint8_array, &commit_data, &commit_length)) return throw_type_error(env, "commit must be a Uint8Array");
  if (!read_typed_array(env, arguments[2], napi_float64_array, &state_data, &state_length)) return throw_type_error(env, "state must be a Float64Array");
  const size_t size = lane_length;
  if (size < 2 * kAlign || size > (1u << 31) || (size & (size - 1)) != 0) return throw_range_error(env, "lane must be as long as a power of two");
  auto* const state = static_cast<double*>(state_data);
  if (state_length < kStateWords || !is_whole(state[kFrom], kPositions) || !is_whole(state[kUntil], kPositions)) return throw_range_error(env, "state must have positions below 2^32");
  const double at_most = static_cast<double>(commit_length);
  if (!is_whole(state[kAt], at_most + 1) || state[kAt] < kHexBytes || !is_whole(state[kSeq], kSeqMax)) return throw_range_error(env, "state must say where the commit ends, behind a hash");

  const Ring ring(static_cast<uint8_t*>(lane_data), size);
  auto* const commit = static_cast<uint8_t*>(commit_data);
  auto from = static_cast<uint32_t>(state[kFrom]);
  const auto until = static_cast<uint32_t>(state[kUntil]);
  auto at = static_cast<size_t>(state[kAt]);
  auto seq = static_cast<uint64_t>(state[kSeq]);
  if (from % kAlign != 0 || until % kAlign != 0 || until - from > size) return throw_range_error(env, "state must lie within the ring");
  Hasher hasher;
  if (!hasher.open()) return throw_error(env, "ERR_NATIVE_CRYPTO", "SHA-256 failed");
  while (from != until && static_cast<double>(at) < state[kLimit]) {
    const size_t length = ring.word(from, kLength);
    if (length > size - kHeaderBytes) return throw_range_error(env, "a line is longer than its ring");
    char digits[24];
    const auto seq_length = static_cast<size_t>(std::snprintf(digits, sizeof digits, "%" PRIu64, seq + 1));
    const size_t sealed = sealed_bytes(length, seq_length);
    if (sealed > commit_length - at) break;
    uint8_t* const line = commit + at;
    ring.copy_line(from, length, line);
    if (!seal_line(hasher, line, length, digits, seq_length, commit)) return throw_error(env, "ERR_NATIVE_CRYPTO", "SHA-256 failed");
    seq += 1;
    at += sealed;
    ring.set_word(from, kOutcome, kDurable);
    if (ring.word(from, kWantsSeal) != 0) {
      ring.set_word(from, kSeqLow, static_cast<uint32_t>(seq));
      ring.set_word(from, kSeqHigh, static_cast<uint32_t>(seq >> 32));
      std::memcpy(ring.header(from) + kHashAt, commit, kHexBytes);
    }
    state[kLines] += 1;
    if (length > kTypeAt && line[kTypeAt] == kFirstOfIntent) state[kIntents] += 1;
    from = Ring::after(from, length);
  }
  state[kFrom] = from;
  state[kAt] = static_cast<double>(at);
  state[kSeq] = static_cast<double>(seq);
  return nullptr;
}

}  // namespace precinct
