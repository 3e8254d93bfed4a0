#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace replication {

/// Appends an unsigned number, big-endian.
template <std::unsigned_integral T>
void put_number(T value, std::string& out) {
  char bytes[sizeof(T)];
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    bytes[i] = static_cast<char>(value >> (8 * (sizeof(T) - 1 - i)));
  }
  out.append(bytes, sizeof(T));
}

/// Takes values off the front of bytes that a peer sent. After the first value that is not there,
/// everything reads as zero or empty and `ok()` is false, so that a caller checks once.
class WireReader {
 public:
  explicit WireReader(std::string_view bytes) : rest_(bytes) {}

  template <std::unsigned_integral T>
  T number() {
    const std::string_view taken = bytes(sizeof(T));
    if (taken.empty()) return 0;
    T value = 0;  // The compiler makes one load and one swap of this.
    for (std::size_t i = 0; i < sizeof(T); ++i) {
      value = static_cast<T>((static_cast<std::uint64_t>(value) << 8) |
                             static_cast<unsigned char>(taken[i]));
    }
    return value;
  }

  std::string_view bytes(std::size_t size) {
    if (size > rest_.size()) {
      ok_ = false;
      rest_ = {};
      return {};
    }
    std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
  }

  /// A text of at most 255 bytes, behind its length in one byte.
  std::string_view short_text() { return bytes(number<std::uint8_t>()); }

  bool ok() const { return ok_; }
  std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
  bool ok_ = true;
};

/// Appends a text of at most 255 bytes, behind its length in one byte.
inline void put_short_text(std::string_view text, std::string& out) {
  put_number(static_cast<std::uint8_t>(text.size()), out);
  out += text;
}

}  // namespace replication
