// The keys of every open object, to find a duplicate the moment it ends: linear for small objects, a SipHash table with a secret seed for large ones.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

namespace precinct {

inline uint64_t rotate_left(uint64_t value, int bits) { return (value << bits) | (value >> (64 - bits)); }

// SipHash-1-3.
inline uint64_t sip_hash(const uint8_t* p, size_t length, uint64_t k0, uint64_t k1) {
  uint64_t v0 = k0 ^ 0x736f6d6570736575u, v1 = k1 ^ 0x646f72616e646f6du, v2 = k0 ^ 0x6c7967656e657261u, v3 = k1 ^ 0x7465646279746573u;
  const auto round = [&] {
    v0 += v1; v1 = rotate_left(v1, 13) ^ v0; v0 = rotate_left(v0, 32);
    v2 += v3; v3 = rotate_left(v3, 16) ^ v2;
    v0 += v3; v3 = rotate_left(v3, 21) ^ v0;
    v2 += v1; v1 = rotate_left(v1, 17) ^ v2; v2 = rotate_left(v2, 32);
  };
  const uint8_t* const tail = p + (length & ~static_cast<size_t>(7));
  uint64_t word;
  for (; p != tail; p += 8) {
    std::memcpy(&word, p, 8);
    v3 ^= word; round(); v0 ^= word;
  }
  word = static_cast<uint64_t>(length) << 56;
  for (size_t at = 0; at < (length & 7); ++at) word |= static_cast<uint64_t>(p[at]) << (8 * at);
  v3 ^= word; round(); v0 ^= word;
  v2 ^= 0xff;
  round(); round(); round();
  return v0 ^ v1 ^ v2 ^ v3;
}

struct Key {
  const uint8_t* bytes;
  uint32_t length;
  // The first eight bytes (fewer: padded with 0), so that most comparisons touch no other memory.
  uint64_t prefix;

  // `end`: end of the buffer `bytes` points into.
  static Key of(const uint8_t* bytes, uint32_t length, const uint8_t* end) {
    Key key{bytes, length, 0};
    if (length >= 8 || end - bytes >= 8) {
      std::memcpy(&key.prefix, bytes, 8);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
      if (length < 8) key.prefix &= (uint64_t{1} << (8 * length)) - 1;
#else
      if (length < 8) key.prefix &= length == 0 ? 0 : ~uint64_t{0} << (64 - 8 * length);
#endif
    } else {
      std::memcpy(&key.prefix, bytes, length);
    }
    return key;
  }

  bool operator==(const Key& other) const {
    return length == other.length && prefix == other.prefix && (length <= 8 || std::memcmp(bytes + 8, other.bytes + 8, length - 8) == 0);
  }
};

class KeySet {
 public:
  KeySet(uint64_t k0, uint64_t k1) : k0_(k0), k1_(k1) {}

  void clear() {
    keys_.clear();
    objects_.clear();
    if (used_ != 0) {
      // One hostile message must not hold memory for good.
      if (table_.size() > kSlotsKept) std::vector<Slot>().swap(table_);
      else std::memset(static_cast<void*>(table_.data()), 0, table_.size() * sizeof(Slot));
      used_ = 0;
    }
    if (keys_.capacity() > kSlotsKept) std::vector<Key>().swap(keys_);
    serial_ = 0;
  }

  void open() { objects_.push_back({static_cast<uint32_t>(keys_.size()), 0}); }

  void close() {
    keys_.resize(objects_.back().base);
    objects_.pop_back();
  }

  // False = the innermost object has this key already.
  bool add(const Key& key) {
    Object& object = objects_.back();
    const size_t count = keys_.size() - object.base;
    if (count < kLinearMax) {
      for (const Key *older = keys_.data() + object.base, *end = keys_.data() + keys_.size(); older != end; ++older) {
        if (*older == key) return false;
      }
      keys_.push_back(key);
      return true;
    }
    if (object.serial == 0) {
      object.serial = ++serial_;
      for (size_t older = object.base; older < keys_.size(); ++older) insert(static_cast<uint32_t>(older), object.serial);
    }
    keys_.push_back(key);
    return insert(static_cast<uint32_t>(keys_.size() - 1), object.serial);
  }

 private:
  static constexpr size_t kLinearMax = 16;
  static constexpr size_t kSlotsMin = 256;
  static constexpr size_t kSlotsKept = size_t{1} << 16;

  struct Object {
    uint32_t base;
    // Number of an object whose keys are in the table, 0 while it is small.
    uint32_t serial;
  };
  // Slots of closed objects stay until clear(); their serial matches nothing.
  struct Slot {
    uint64_t hash;
    uint32_t serial;
    uint32_t key;
  };

  size_t first_slot(uint64_t hash, uint32_t serial) const {
    return static_cast<size_t>(hash ^ (serial * uint64_t{0x9e3779b97f4a7c15})) & (table_.size() - 1);
  }

  bool insert(uint32_t key, uint32_t serial) {
    if (2 * (used_ + 1) > table_.size()) grow();
    const uint64_t hash = sip_hash(keys_[key].bytes, keys_[key].length, k0_, k1_);
    size_t at = first_slot(hash, serial);
    for (; table_[at].serial != 0; at = (at + 1) & (table_.size() - 1)) {
      const Slot& slot = table_[at];
      if (slot.serial == serial && slot.hash == hash && keys_[slot.key] == keys_[key]) return false;
    }
    table_[at] = {hash, serial, key};
    ++used_;
    return true;
  }

  void grow() {
    std::vector<Slot> old(table_.empty() ? kSlotsMin : 2 * table_.size(), Slot{0, 0, 0});
    old.swap(table_);
    for (const Slot& slot : old) {
      if (slot.serial == 0) continue;
      size_t at = first_slot(slot.hash, slot.serial);
      while (table_[at].serial != 0) at = (at + 1) & (table_.size() - 1);
      table_[at] = slot;
    }
  }

  const uint64_t k0_, k1_;
  std::vector<Key> keys_;
  std::vector<Object> objects_;
  std::vector<Slot> table_;
  size_t used_ = 0;
  uint32_t serial_ = 0;
};

}  // namespace precinct
