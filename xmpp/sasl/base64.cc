#include "xmpp/sasl/base64.h"

#include <array>
#include <cstdint>

#include "xmpp/sasl/sasl_error.h"

namespace xmpp {
namespace {

constexpr std::string_view alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::uint8_t no_value = 0xff;

constexpr auto values = [] {
  std::array<std::uint8_t, 256> values{};
  values.fill(no_value);
  for (std::size_t i = 0; i < alphabet.size(); ++i) {
    values[static_cast<unsigned char>(alphabet[i])] = static_cast<std::uint8_t>(i);
  }
  return values;
}();

constexpr std::size_t payload_bytes_max = 6 * 1024;  // hardening, limits: decoded SASL payload.

}  // namespace

std::string base64_encode(std::string_view bytes) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    const std::string_view group = bytes.substr(at, 3);
    std::uint32_t bits = 0;
    for (std::size_t i = 0; i < 3; ++i) {
      bits = bits << 8 | (i < group.size() ? static_cast<unsigned char>(group[i]) : 0u);
    }
    for (std::size_t i = 0; i < 4; ++i) {
      text += i <= group.size() ? alphabet[bits >> (18 - 6 * i) & 0x3f] : '=';
    }
  }
  return text;
}

Result<std::string> base64_decode(std::string_view text) {
  if (text.size() % 4 != 0) {
    return Errc::bad_base64;
  }
  std::string bytes;
  bytes.reserve(text.size() / 4 * 3);
  for (std::size_t at = 0; at < text.size(); at += 4) {
    std::string_view group = text.substr(at, 4);
    std::size_t padding = 0;
    if (at + 4 == text.size()) {
      padding = group.ends_with("==") ? 2 : group.ends_with('=') ? 1 : 0;
      group.remove_suffix(padding);
    }
    std::uint32_t bits = 0;
    for (const char c : group) {
      const std::uint8_t value = values[static_cast<unsigned char>(c)];
      if (value == no_value) {
        return Errc::bad_base64;
      }
      bits = bits << 6 | value;
    }
    bits <<= 6 * padding;
    for (std::size_t i = 0; i < 3 - padding; ++i) {
      bytes += static_cast<char>(bits >> (16 - 8 * i) & 0xff);
    }
    if (padding != 0 && (bits & ((1u << 8 * padding) - 1)) != 0) {
      return Errc::bad_base64;  // Bits under the padding: a second way to write these bytes.
    }
  }
  return bytes;
}

Result<std::string> sasl_payload_decode(std::string_view text) {
  if (text.empty() || text == "=") {
    return std::string();
  }
  if (text.size() > payload_bytes_max / 3 * 4) {
    return SaslError::malformed_request;
  }
  Result<std::string> bytes = base64_decode(text);
  return bytes.has_value() ? bytes : SaslError::incorrect_encoding;
}

std::string sasl_payload_encode(std::string_view bytes) {
  return bytes.empty() ? "=" : base64_encode(bytes);
}

}  // namespace xmpp
