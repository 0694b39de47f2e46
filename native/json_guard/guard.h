// Validates one JSON text over its bytes and finds the spans the gateway needs. The twin of src/base/json/typescript-guard.ts, which is its oracle.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

#include "key_set.h"
#include "spelling.h"
#include "string_walk.h"

namespace precinct {

// Order and numbers are src/base/json/types.ts's: GUARD_STATUS, SLOT, FLAG. PARAMS_NAMES are the names without a slot below.
enum Status : uint32_t { kOk, kSyntax, kUtf8, kDepth, kKeys, kDuplicateKey, kLoneSurrogate, kNotObject, kAmbiguousKey };
enum Slot : int {
  // A key that some readers take for a name that it is not.
  kAmbiguous = -2,
  // An unknown key, or a known one whose value is not noted.
  kNoSlot,
  kJsonrpc, kId, kMethod, kParams, kResult, kError, kName, kUri, kArguments, kMeta, kProtocolVersion,
  kMetaProtocolVersion, kRequestId, kProgressToken, kCursor, kMetaClientCapabilities, kSlotCount,
};
constexpr int kFlags = kSlotCount * 2, kOffset = kFlags + 1, kKeyCount = kFlags + 2, kOutLength = kFlags + 3;
constexpr uint32_t kFlagEscapes = 1, kFlagRootArray = 2, kFlagRootScalar = 4;

struct Limits {
  uint32_t depth_max;
  uint32_t keys_max;
  bool tokenizer_only;
};

// Not re-entrant: one per thread.
class Guard {
 public:
  Guard(uint64_t k0, uint64_t k1) : key_set_(k0, k1) {}

  // `out` has kOutLength elements. May throw std::bad_alloc.
  Status check(const uint8_t* bytes, size_t length, const Limits& limits, uint32_t* out) {
    std::memset(out, 0, kOutLength * sizeof(uint32_t));
    begin_ = p_ = bytes;
    end_ = bytes + length;
    limits_ = limits;
    out_ = out;
    status_ = kOk;
    keys_ = 0;
    frames_.clear();
    key_set_.clear();
    decoded_.clear();
    read_text();
    out[kKeyCount] = keys_;
    return status_;
  }

 private:
  enum Step { kRefused, kValueNext, kValueDone, kTextDone };
  // Role of an object: kPlain = no slots inside.
  enum Role : uint8_t { kPlain, kRoot, kInParams, kInMeta };
  struct Frame {
    uint8_t closer;
    Role role;
  };

  void read_text() {
    skip_space();
    const bool is_object = p_ < end_ && *p_ == '{';
    if (p_ < end_ && !is_object) out_[kFlags] = *p_ == '[' ? kFlagRootArray : kFlagRootScalar;
    Step step = kValueNext;
    while (step == kValueNext) {
      step = begin_value();
      if (step == kValueDone) step = finish_values();
    }
    if (step == kRefused) return;
    skip_space();
    if (p_ < end_) refuse(kSyntax, p_);
    else if (!is_object && !limits_.tokenizer_only) status_ = kNotObject;
  }

  Step refuse(Status status, const uint8_t* at) {
    status_ = status;
    out_[kOffset] = static_cast<uint32_t>(at - begin_);
    return kRefused;
  }

  bool at(uint8_t byte) const { return p_ < end_ && *p_ == byte; }

  void skip_space() {
    while (p_ < end_ && *p_ <= 0x20 && (*p_ == ' ' || *p_ == '\n' || *p_ == '\r' || *p_ == '\t')) ++p_;
  }

  Step begin_value() {
    if (p_ == end_) return refuse(kSyntax, p_);
    switch (*p_) {
      case '"': {
        bool escaped;
        return read_string(&escaped) ? kValueDone : kRefused;
      }
      case '{': case '[': return open_container();
      case 't': return read_literal("true");
      case 'f': return read_literal("false");
      case 'n': return read_literal("null");
      default: return read_number();
    }
  }

  Step open_container() {
    if (frames_.size() >= limits_.depth_max) return refuse(kDepth, p_);
    const bool is_object = *p_ == '{';
    const uint8_t closer = static_cast<uint8_t>(*p_ + 2);
    frames_.push_back({closer, is_object ? role_here() : kPlain});
    ++p_;
    if (is_object) key_set_.open();
    skip_space();
    if (at(closer)) {
      close_container();
      return kValueDone;
    }
    return is_object ? read_key() : kValueNext;
  }

  // The role of an object that opens as the value being read.
  Role role_here() const {
    if (frames_.empty()) return kRoot;
    const Role role = frames_.back().role;
    if (role == kRoot && slots_[kRoot] == kParams) return kInParams;
    return role == kInParams && slots_[kInParams] == kMeta ? kInMeta : kPlain;
  }

  void close_container() {
    ++p_;
    if (frames_.back().closer == '}') key_set_.close();
    frames_.pop_back();
  }

  // After a value: notes its span, closes what closes, and stops before the next value or at the end of the root.
  Step finish_values() {
    for (;;) {
      if (frames_.empty()) return kTextDone;
      const Frame frame = frames_.back();
      if (frame.role != kPlain) note_span(frame.role);
      skip_space();
      if (at(',')) {
        ++p_;
        skip_space();
        return frame.closer == '}' ? read_key() : kValueNext;
      }
      if (!at(frame.closer)) return refuse(kSyntax, p_);
      close_container();
    }
  }

  void note_span(Role role) {
    const int slot = slots_[role];
    if (slot < 0) return;
    out_[2 * slot] = static_cast<uint32_t>(value_froms_[role] - begin_);
    out_[2 * slot + 1] = static_cast<uint32_t>(p_ - begin_);
  }

  // A member up to and with its colon.
  Step read_key() {
    const uint8_t* const from = p_;
    if (!at('"')) return refuse(kSyntax, from);
    if (++keys_ > limits_.keys_max) return refuse(kKeys, from);
    bool escaped;
    if (!read_string(&escaped) || !note_key(from, escaped)) return kRefused;
    skip_space();
    if (!at(':')) return refuse(kSyntax, p_);
    ++p_;
    skip_space();
    value_froms_[frames_.back().role] = p_;
    return kValueNext;
  }

  // Judges the key whose opening quote is at `from` and which has just ended; finds its slot.
  bool note_key(const uint8_t* from, bool escaped) {
    Key key = escaped ? decode_key(from + 1, p_ - 1) : Key::of(from + 1, static_cast<uint32_t>(p_ - 1 - (from + 1)), end_);
    if (!limits_.tokenizer_only && !key_set_.add(key)) {
      refuse(kDuplicateKey, from);
      return false;
    }
    const Role role = frames_.back().role;
    if (role == kPlain) return true;
    slots_[role] = find_slot(role, key);
    if (slots_[role] != kAmbiguous || limits_.tokenizer_only) return true;
    refuse(kAmbiguousKey, from);
    return false;
  }

  Key decode_key(const uint8_t* from, const uint8_t* to) {
    decoded_.emplace_back(new uint8_t[static_cast<size_t>(to - from) + 1]);
    uint8_t* const out = decoded_.back().get();
    uint8_t* const end = decode_string(from, to, out);
    return Key::of(out, static_cast<uint32_t>(end - out), end);
  }

  static int find_slot(Role role, const Key& key) {
    struct SlotKey {
      const char* name;
      size_t length;
      int slot;
    };
    static constexpr SlotKey kRootKeys[] = {{"id", 2, kId}, {"method", 6, kMethod}, {"params", 6, kParams}, {"jsonrpc", 7, kJsonrpc}, {"result", 6, kResult}, {"error", 5, kError}};
    static constexpr SlotKey kParamsKeys[] = {
        {"name", 4, kName}, {"arguments", 9, kArguments}, {"_meta", 5, kMeta}, {"uri", 3, kUri}, {"cursor", 6, kCursor}, {"requestId", 9, kRequestId}, {"protocolVersion", 15, kProtocolVersion},
        {"capabilities", 12, kNoSlot}, {"clientInfo", 10, kNoSlot}, {"level", 5, kNoSlot}, {"ref", 3, kNoSlot}, {"argument", 8, kNoSlot}, {"taskId", 6, kNoSlot}, {"progressToken", 13, kNoSlot}, {"inputResponses", 14, kNoSlot}, {"requestState", 12, kNoSlot}};
    static constexpr SlotKey kMetaKeys[] = {{"progressToken", 13, kProgressToken}, {"io.modelcontextprotocol/protocolVersion", 39, kMetaProtocolVersion}, {"io.modelcontextprotocol/clientCapabilities", 42, kMetaClientCapabilities}};
    const auto find = [&key](const auto& candidates) {
      for (const SlotKey& candidate : candidates) {
        if (candidate.length == key.length && std::memcmp(candidate.name, key.bytes, key.length) == 0) return candidate.slot;
      }
      for (const SlotKey& candidate : candidates) {
        if (is_spelling_of(candidate.name, candidate.length, key.bytes, key.length)) return static_cast<int>(kAmbiguous);
      }
      return static_cast<int>(kNoSlot);
    };
    return role == kRoot ? find(kRootKeys) : role == kInParams ? find(kParamsKeys) : find(kMetaKeys);
  }

  bool read_string(bool* escaped) {
    const StringWalk walk = walk_string(p_ + 1, end_, skip_plain_);
    *escaped = walk.escaped;
    if (walk.escaped) out_[kFlags] |= kFlagEscapes;
    p_ = walk.end;
    if (walk.fault != StringFault::kNone) refuse(walk.fault == StringFault::kUtf8 ? kUtf8 : kSyntax, walk.end);
    else if (walk.lone != nullptr && !limits_.tokenizer_only) refuse(kLoneSurrogate, walk.lone);
    return status_ == kOk;
  }

  Step read_literal(const char* word) {
    for (; *word != 0; ++word, ++p_) {
      if (!at(static_cast<uint8_t>(*word))) return refuse(kSyntax, p_);
    }
    return kValueDone;
  }

  Step read_number() {
    if (at('-')) ++p_;
    if (at('0')) ++p_;
    else if (!read_digits()) return kRefused;
    if (at('.')) {
      ++p_;
      if (!read_digits()) return kRefused;
    }
    if (!at('e') && !at('E')) return kValueDone;
    ++p_;
    if (at('+') || at('-')) ++p_;
    return read_digits() ? kValueDone : kRefused;
  }

  // One digit or more.
  bool read_digits() {
    const uint8_t* const from = p_;
    while (p_ < end_ && *p_ >= '0' && *p_ <= '9') ++p_;
    if (p_ == from) refuse(kSyntax, p_);
    return p_ != from;
  }

  const uint8_t* begin_ = nullptr;
  const uint8_t* p_ = nullptr;
  const uint8_t* end_ = nullptr;
  uint32_t* out_ = nullptr;
  Limits limits_{0, 0, false};
  Status status_ = kOk;
  uint32_t keys_ = 0;
  const SkipPlain skip_plain_ = choose_skip_plain();
  std::vector<Frame> frames_;
  // Per role, the slot of the member being read and where its value begins.
  int slots_[4] = {kNoSlot, kNoSlot, kNoSlot, kNoSlot};
  const uint8_t* value_froms_[4] = {nullptr, nullptr, nullptr, nullptr};
  KeySet key_set_;
  std::vector<std::unique_ptr<uint8_t[]>> decoded_;
};

}  // namespace precinct
