// Objects and strings of the canonical form.
#include "canonical.h"

namespace precinct {
namespace {

constexpr size_t kPieceBytes = 16 * 1024;

int hex_value(uint8_t byte) {
  if (byte >= '0' && byte <= '9') return byte - '0';
  const uint8_t letter = byte | 0x20;
  return letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : -1;
}

}  // namespace

bool Canonical::write_object(int depth) {
  ++p_;
  const size_t base = members_.size();
  const size_t from = out_.size();
  out_.append('{');
  bool sorted = true;
  if (!take('}')) {
    do {
      if (members_.size() > base) out_.append(',');
      Member member;
      if (!write_key(&member)) return false;
      if (!take(':')) return false;
      out_.append(':');
      if (!write_value(depth + 1)) return false;
      member.to = out_.size();
      if (members_.size() > base) {
        const Member& last = members_.back();
        sorted = sorted && key_of(last) <= key_of(member);
      }
      members_.push_back(member);
    } while (take(','));
    if (!take('}')) return false;
  }
  if (!sorted) sort_members(base, from);
  members_.resize(base);
  out_.append('}');
  return true;
}

void Canonical::sort_members(size_t base, size_t from) {
  std::stable_sort(members_.begin() + static_cast<std::ptrdiff_t>(base), members_.end(), [this](const Member& a, const Member& b) { return key_of(a) < key_of(b); });
  sorted_.clear();
  for (size_t at = base; at < members_.size(); ++at) {
    if (at > base) sorted_ += ',';
    sorted_.append(out_.data() + members_[at].from, members_[at].to - members_[at].from);
  }
  out_.own().replace(from + 1, std::string::npos, sorted_);
}

// Other keys sort by UTF-16 code units, which is not the order of their bytes.
bool Canonical::write_key(Member* member) {
  if (!take('"')) return false;
  const uint8_t* const from = p_;
  while (p_ < end_ && *p_ != '"') {
    if (*p_ == '\\' || *p_ >= 0x80) return false;
    ++p_;
  }
  if (p_ == end_) return false;
  ++p_;
  member->from = out_.size();
  member->key_from = member->from + 1;
  out_.append(from - 1, p_);
  member->key_to = out_.size() - 1;
  return true;
}

// memchr is ten times as fast as looking for quotes and escapes together. Each looks through a piece once, however many escapes are in it, and a piece is
// still in the processor's cache for the second.
bool Canonical::write_string() {
  out_.append('"');
  ++p_;
  while (p_ < end_) {
    const size_t piece = std::min(static_cast<size_t>(end_ - p_), kPieceBytes);
    const auto* const quote = static_cast<const uint8_t*>(std::memchr(p_, '"', piece));
    const uint8_t* const stop = quote == nullptr ? p_ + piece : quote;
    while (p_ < stop) {
      const auto* const escape = static_cast<const uint8_t*>(std::memchr(p_, '\\', static_cast<size_t>(stop - p_)));
      const uint8_t* const plain_to = escape == nullptr ? stop : escape;
      out_.append(p_, plain_to);
      p_ = plain_to;
      if (escape != nullptr && !write_escape()) return false; // may step over the quote, or the end of the piece
    }
    if (p_ != quote) continue;
    out_.append(quote, quote + 1);
    ++p_;
    return true;
  }
  return false;
}

// As JSON.stringify writes what JSON.parse read (ECMA-262, QuoteJSONString).
bool Canonical::write_escape() {
  if (end_ - p_ < 2) return false;
  const uint8_t letter = p_[1];
  if (letter == 'u') {
    uint32_t unit;
    if (!read_unit(&unit)) return false;
    if (unit >= 0xdc00 && unit < 0xe000) return false;
    if (unit < 0xd800 || unit >= 0xe000) {
      write_point(unit);
      return true;
    }
    uint32_t low;
    if (!read_unit(&low) || low < 0xdc00 || low >= 0xe000) return false;
    write_point(0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00));
    return true;
  }
  switch (letter) {
    case '/': break;
    case '"': case '\\': case 'b': case 'f': case 'n': case 'r': case 't': out_.append('\\'); break;
    default: return false;
  }
  out_.append(static_cast<char>(letter));
  p_ += 2;
  return true;
}

bool Canonical::read_unit(uint32_t* unit) {
  if (end_ - p_ < 6 || p_[0] != '\\' || p_[1] != 'u') return false;
  *unit = 0;
  for (int at = 2; at < 6; ++at) {
    const int value = hex_value(p_[at]);
    if (value < 0) return false;
    *unit = (*unit << 4) | static_cast<uint32_t>(value);
  }
  p_ += 6;
  return true;
}

void Canonical::write_point(uint32_t point) {
  static constexpr char kShort[] = {'b', 't', 'n', 0, 'f', 'r'};
  static constexpr char kHex[] = "0123456789abcdef";
  if (point == '"' || point == '\\') {
    out_.append('\\');
    out_.append(static_cast<char>(point));
  } else if (point >= 8 && point <= 13 && point != 11) {
    out_.append('\\');
    out_.append(kShort[point - 8]);
  } else if (point < 0x20) {
    out_.append('\\');
    out_.append('u');
    out_.append('0');
    out_.append('0');
    out_.append(kHex[point >> 4]);
    out_.append(kHex[point & 15]);
  } else if (point < 0x80) {
    out_.append(static_cast<char>(point));
  } else if (point < 0x800) {
    out_.append(static_cast<char>(0xc0 | (point >> 6)));
    out_.append(static_cast<char>(0x80 | (point & 0x3f)));
  } else if (point < 0x10000) {
    out_.append(static_cast<char>(0xe0 | (point >> 12)));
    out_.append(static_cast<char>(0x80 | ((point >> 6) & 0x3f)));
    out_.append(static_cast<char>(0x80 | (point & 0x3f)));
  } else {
    out_.append(static_cast<char>(0xf0 | (point >> 18)));
    out_.append(static_cast<char>(0x80 | ((point >> 12) & 0x3f)));
    out_.append(static_cast<char>(0x80 | ((point >> 6) & 0x3f)));
    out_.append(static_cast<char>(0x80 | (point & 0x3f)));
  }
}

}  // namespace precinct
