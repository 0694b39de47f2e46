// The canonical form of validated arguments: no white space, keys sorted, escapes decoded, numbers as written. The twin of canonicalArguments in src/base/json/canonical.ts, which is its oracle.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

namespace precinct {

class Canonical {
 public:
  // False = something the twin has to look at: a key that is not plain ASCII, deep nesting, or no JSON after all. May throw std::bad_alloc.
  bool write(const uint8_t* from, const uint8_t* to) {
    p_ = from;
    end_ = to;
    out_.clear();
    members_.clear();
    return write_value(0) && (skip_space(), p_ == end_);
  }

  const std::string& text() const { return out_; }

  // A large text must not stay in memory for the thread's life.
  void trim() {
    if (out_.capacity() > kKeptBytes) std::string().swap(out_);
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
    append(from, p_);
    return p_ > from;
  }

  bool write_array(int depth) {
    ++p_;
    out_ += '[';
    if (!take(']')) {
      if (!write_value(depth + 1)) return false;
      while (take(',')) {
        out_ += ',';
        if (!write_value(depth + 1)) return false;
      }
      if (!take(']')) return false;
    }
    out_ += ']';
    return true;
  }

  bool write_object(int depth);
  bool write_string();
  bool write_key(Member* member);
  bool write_escape();
  bool read_unit(uint32_t* unit);
  void write_point(uint32_t point);
  void sort_members(size_t base, size_t from);

  void append(const uint8_t* from, const uint8_t* to) { out_.append(reinterpret_cast<const char*>(from), static_cast<size_t>(to - from)); }

  const uint8_t* p_ = nullptr;
  const uint8_t* end_ = nullptr;
  std::string out_;
  std::string sorted_;
  std::vector<Member> members_;
};

}  // namespace precinct
