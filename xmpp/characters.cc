#include "xmpp/characters.h"

namespace xmpp::characters {

Decoded decode(std::string_view bytes, std::size_t at) noexcept {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(bytes[at + i]); };
  const unsigned lead = byte(0);
  if (lead < 0x80) {
    return {lead, 1};
  }
  // RFC 3629 §4: the second byte's range depends on the lead; that excludes longer forms than
  // needed, surrogates, and what lies above U+10FFFF.
  unsigned low = 0x80, high = 0xbf;
  int size = 0;
  char32_t value = 0;
  if (lead >= 0xc2 && lead <= 0xdf) {
    size = 2, value = lead & 0x1f;
  } else if (lead >= 0xe0 && lead <= 0xef) {
    size = 3, value = lead & 0x0f;
    if (lead == 0xe0) low = 0xa0;
    if (lead == 0xed) high = 0x9f;
  } else if (lead >= 0xf0 && lead <= 0xf4) {
    size = 4, value = lead & 0x07;
    if (lead == 0xf0) low = 0x90;
    if (lead == 0xf4) high = 0x8f;
  } else {
    return {0, 0};
  }
  for (int i = 1; i < size; ++i) {
    if (at + static_cast<std::size_t>(i) >= bytes.size()) {
      return {0, -1};
    }
    const unsigned c = byte(static_cast<std::size_t>(i));
    if (c < low || c > high) {
      return {0, 0};
    }
    value = value << 6 | (c & 0x3f);
    low = 0x80, high = 0xbf;
  }
  return {value, size};
}

}  // namespace xmpp::characters
