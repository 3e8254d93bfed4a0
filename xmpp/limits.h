#pragma once

#include <cstdint>

namespace xmpp {

/// What one first-level element (or the stream header) may cost. One unit more is refused with
/// `<policy-violation/>`; see hardening P1, X7 to X10. Sizes count the bytes as received.
struct StreamLimits {
  std::uint32_t bytes_max = 10'000;     ///< From '<' to the closing '>'.
  std::uint32_t elements_max = 32;      ///< Elements and CDATA sections, the outermost included.
  std::uint16_t depth_max = 8;          ///< 1 is an element without children.
  std::uint16_t attributes_max = 16;    ///< Of one element, without namespace declarations.
  std::uint16_t declarations_max = 32;  ///< Namespace declarations of one element.
  std::uint16_t in_scope_max = 128;     ///< Namespace declarations in scope at one place.
  std::uint16_t name_bytes_max = 256;   ///< Of an element's or attribute's name with its prefix.

  /// For a peer that has not logged in: all that RFC 6120 needs until then fits many times.
  static constexpr StreamLimits before_login() { return {}; }

  /// For a client that has logged in. RFC 6120 §13.12 forbids a bytes_max below 10,000.
  static constexpr StreamLimits after_login() {
    return {.bytes_max = 262'144, .elements_max = 4'096, .depth_max = 64, .attributes_max = 64};
  }

  /// For servers, components, and for what we read from servers as a client.
  static constexpr StreamLimits server() {
    return {.bytes_max = 524'288, .elements_max = 4'096, .depth_max = 64, .attributes_max = 64};
  }
};

}  // namespace xmpp
