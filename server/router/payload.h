#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace server {

/// What the nodes' routers send each other, by the first byte. See docs/protocol.md.
enum class PayloadKind : char {
  stanza = 1,
  message = 2,
  fates = 3,
  mail = 4,
  move = 5,
  moved = 6,
  echo = 7,
  echoed = 8,
};

/// Big-endian.
class PayloadWriter {
 public:
  explicit PayloadWriter(PayloadKind kind, std::size_t bytes = 0) {
    out_.reserve(bytes + 1);
    out_ += static_cast<char>(kind);
  }

  /// A part of such a message.
  PayloadWriter() = default;

  void number(std::uint64_t value, int bytes) {
    for (int at = bytes - 1; at >= 0; --at) out_ += static_cast<char>(value >> (8 * at) & 0xff);
  }

  void text(std::string_view text) {
    number(text.size(), 2);
    out_ += text;
  }

  /// Of up to 4 GiB.
  void blob(std::string_view bytes) {
    number(bytes.size(), 4);
    out_ += bytes;
  }

  void rest(std::string_view bytes) { out_ += bytes; }

  std::string bytes() && { return std::move(out_); }

 private:
  std::string out_;
};

/// Reads past the end as zeros and empty texts, and says so in the end.
class PayloadReader {
 public:
  explicit PayloadReader(std::string_view bytes) : bytes_(bytes) {}

  std::uint64_t number(std::size_t size) {
    if (bytes_.size() < size) {
      failed_ = true;
      return 0;
    }
    std::uint64_t value = 0;
    for (std::size_t at = 0; at < size; ++at) {
      value = value << 8 | static_cast<unsigned char>(bytes_[at]);
    }
    bytes_.remove_prefix(size);
    return value;
  }

  std::string_view text() { return sized(2); }
  std::string_view blob() { return sized(4); }

  std::string_view rest() const { return bytes_; }
  bool failed() const { return failed_; }

 private:
  std::string_view sized(std::size_t size_bytes) {
    const std::size_t size = number(size_bytes);
    if (bytes_.size() < size) {
      failed_ = true;
      return {};
    }
    const std::string_view value = bytes_.substr(0, size);
    bytes_.remove_prefix(size);
    return value;
  }

  std::string_view bytes_;
  bool failed_ = false;
};

}  // namespace server
