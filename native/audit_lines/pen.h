// Writes behind one another. Whoever uses it has checked the room.
#pragma once
#include <cstdint>
#include <cstring>
#include <string>

namespace precinct {

class Pen {
 public:
  explicit Pen(uint8_t* at) : at_(at) {}
  uint8_t* at() const { return at_; }
  void write(const void* bytes, size_t length) {
    std::memcpy(at_, bytes, length);
    at_ += length;
  }
  void write(const std::string& text) { write(text.data(), text.size()); }
  template <size_t N>
  void write(const char (&text)[N]) { write(text, N - 1); }
  void put(char one) { *at_++ = static_cast<uint8_t>(one); }
  void write_number(uint64_t number) {
    char digits[20];
    size_t first = sizeof digits;
    do digits[--first] = static_cast<char>('0' + number % 10);
    while ((number /= 10) != 0);
    write(digits + first, sizeof digits - first);
  }
  // Exactly six digits.
  void write_micros(uint32_t below) {
    for (int at = 5; at >= 0; --at, below /= 10) at_[at] = static_cast<uint8_t>('0' + below % 10);
    at_ += 6;
  }

 private:
  uint8_t* at_;
};

}  // namespace precinct
