// The canonical form of validated arguments: no white space, keys sorted, escapes decoded, numbers as written. The twin of canonicalArguments in src/base/json/canonical.ts, which is its oracle.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace precinct {

// What has been written. As long as that is what the input begins with, it is the input's own bytes: most arguments come in canonical form, and the copy of
// a large text is a fifth of its digest.
class CanonicalText {
 public:
  void begin(const uint8_t* from, const uint8_t* to) {
    input_ = reinterpret_cast<const char*>(from);
    input_size_ = static_cast<size_t>(to - from);
    same_ = 0;
    copied_ = false;
    copy_.clear();
  }

  void append(char letter) {
    if (!copied_ && same_ < input_size_ && input_[same_] == letter) {
      ++same_;
      return;
    }
    own() += letter;
  }

  // Bytes of the input.
  void append(const uint8_t* from, const uint8_t* to) {
    const auto* const bytes = reinterpret_cast<const char*>(from);
    const size_t size = static_cast<size_t>(to - from);
    if (!copied_ && bytes == input_ + same_) {
      same_ += size;
      return;
    }
    own().append(bytes, size);
  }

  const char* data() const { return copied_ ? copy_.data() : input_; }
  size_t size() const { return copied_ ? copy_.size() : same_; }

  // To be changed in another way than at its end.
  std::string& own() {
    if (!copied_) {
      copy_.assign(input_, same_);
      copied_ = true;
    }
    return copy_;
  }

  void trim(size_t kept_bytes) {
    if (copy_.capacity() > kept_bytes) std::string().swap(copy_);
  }

 private:
  const char* input_ = nullptr;
  size_t input_size_ = 0;
  size_t same_ = 0;
  bool copied_ = false;
  std::string copy_;
};

class Canonical {
 public:
  // False = something the twin has to look at: a key that is not plain ASCII, deep nesting, or no JSON after all. May throw std::bad_alloc.
  bool write(const uint8_t* from, const uint8_t* to) {
    p_ = from;
    end_ = to;
    out_.begin(from, to);
    members_.clear();
    return write_value(0) && (skip_space(), p_ == end_);
  }

  // Valid as long as the input is.
  const CanonicalText& text() const { return out_; }

  // A large text must not stay in memory for the thread's life.
  void trim() {
    out_.trim(kKeptBytes);
    if (sorted_.capacity() > kKeptBytes) std::string().swap(sorted_);
    if (members_.capacity() > kKeptBytes / sizeof(Member)) std::vector<Member>().swap(members_);
  }

 private:
  static constexpr int kDepthMax = 128;
  static constexpr size_t kKeptBytes = 1 << 20;

  // Offsets in out_: a member's text, and the characters of its key.
  struct Member {
    size_t from, to, key_from, key_to;
  };

  void skip_space() {
    while (p_ < end_ && (*p_ == ' ' || *p_ == '\n' || *p_ == '\r' || *p_ == '\t')) ++p_;
  }

  bool take(uint8_t byte) {
    skip_space();
    if (p_ == end_ || *p_ != byte) return false;
    ++p_;
    return true;
  }

  bool write_value(int depth) {
    skip_space();
    if (p_ == end_ || depth > kDepthMax) return false;
    switch (*p_) {
      case '"': return write_string();
      case '{': return write_object(depth);
      case '[': return write_array(depth);
      default: return write_word();
    }
  }

  bool write_word() {
    const uint8_t* const from = p_;
    while (p_ < end_ && *p_ > 0x20 && *p_ != ',' && *p_ != ']' && *p_ != '}') ++p_;
    out_.append(from, p_);
    return p_ > from;
  }

  bool write_array(int depth) {
    ++p_;
    out_.append('[');
    if (!take(']')) {
      if (!write_value(depth + 1)) return false;
      while (take(',')) {
        out_.append(',');
        if (!write_value(depth + 1)) return false;
      }
      if (!take(']')) return false;
    }
    out_.append(']');
    return true;
  }

  bool write_object(int depth);
  bool write_string();
  bool write_key(Member* member);
  bool write_escape();
  bool read_unit(uint32_t* unit);
  void write_point(uint32_t point);
  void sort_members(size_t base, size_t from);
  std::string_view key_of(const Member& member) const { return {out_.data() + member.key_from, member.key_to - member.key_from}; }

  const uint8_t* p_ = nullptr;
  const uint8_t* end_ = nullptr;
  CanonicalText out_;
  std::string sorted_;
  std::vector<Member> members_;
};

}  // namespace precinct
