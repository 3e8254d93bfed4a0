#include "xmpp/sasl/base64.h"

#include <array>
#include <cstdint>

#include "xmpp/sasl/sasl_error.h"

namespace xmpp {
namespace {

constexpr std::string_view alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::uint8_t no_digit = 0xff;

constexpr std::array<std::uint8_t, 256> digits = [] {
  std::array<std::uint8_t, 256> values{};
  values.fill(no_digit);
  for (std::size_t i = 0; i < alphabet.size(); ++i) {
    values[static_cast<unsigned char>(alphabet[i])] = static_cast<std::uint8_t>(i);
  }
  return values;
}();

// Longer than any message of our mechanisms with the longest names; keeps the memory of a login
// bounded. 6 KiB in base64 are 8 KiB.
constexpr std::size_t payload_chars_max = 8 * 1024;

}  // namespace

std::string base64_encode(std::string_view bytes) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t count = bytes.size() - i < 3 ? bytes.size() - i : 3;
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 3; ++k) {
      group = group << 8 | (k < count ? static_cast<unsigned char>(bytes[i + k]) : 0u);
    }
    for (std::size_t k = 0; k < 4; ++k) {
      text += k <= count ? alphabet[group >> (18 - 6 * k) & 0x3f] : '=';
    }
  }
  return text;
}

Result<std::string> base64_decode(std::string_view text) {
  if (text.size() % 4 != 0) return Errc::bad_base64;
  std::size_t padding = 0;
  while (padding < 2 && !text.empty() && text.back() == '=') {
    text.remove_suffix(1);
    ++padding;
  }
  std::string bytes;
  bytes.reserve(text.size() / 4 * 3 + 2);
  std::uint32_t bits = 0;
  unsigned held = 0;  // How many of the low `bits` are not yet in `bytes`.
  for (const char c : text) {
    const std::uint8_t digit = digits[static_cast<unsigned char>(c)];
    if (digit == no_digit) return Errc::bad_base64;
    bits = bits << 6 | digit;
    held += 6;
    if (held >= 8) {
      held -= 8;
      bytes += static_cast<char>(bits >> held & 0xff);
      bits &= (1u << held) - 1;
    }
  }
  // One '=' hides two bits and two hide four; RFC 4648 §3.5: refuse those that are set.
  if (bits != 0) return Errc::bad_base64;
  return bytes;
}

Result<std::string> sasl_payload_decode(std::string_view text) {
  if (text == "=") return std::string();
  if (text.size() > payload_chars_max) return SaslError::malformed_request;
  Result<std::string> bytes = base64_decode(text);
  if (!bytes) return SaslError::incorrect_encoding;
  return bytes;
}

std::string sasl_payload_encode(std::string_view bytes) {
  return bytes.empty() ? "=" : base64_encode(bytes);
}

}  // namespace xmpp
