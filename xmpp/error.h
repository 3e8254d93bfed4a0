#pragma once

#include <boost/system/error_code.hpp>
#include <boost/system/result.hpp>

namespace xmpp {

/// What can go wrong in this library, apart from the stream and SASL conditions that RFC 6120
/// names (see stream_error.h and sasl/sasl_error.h). All of it can be caused from outside.
enum class Errc {
  bad_utf8 = 1,        ///< Bytes that are not UTF-8 as RFC 3629 defines it.
  bad_char,            ///< A code point that XML 1.0 does not allow, such as U+0000.
  jid_malformed,       ///< Not a JID by RFC 7622: an empty part, a forbidden character, two '@'.
  jid_part_too_long,   ///< A part of a JID is longer than 1,023 bytes after preparation.
  xml_malformed,       ///< Not the one element that was expected, by the rules of StreamParser.
  xml_too_big,         ///< More bytes, elements, depth or attributes than the limits allow.
  password_malformed,  ///< Empty, over 1,023 bytes, or refused by SASLprep.
  bad_base64,          ///< Not base64 by RFC 4648 §4 in its one canonical form.
  unsupported,         ///< Something this build or this TLS connection cannot do.
};

const boost::system::error_category& error_category() noexcept;

inline boost::system::error_code make_error_code(Errc code) noexcept {
  return {static_cast<int>(code), error_category()};
}

/// A value or the reason why there is none. Nothing in this library throws for what a peer sent.
template <class T>
using Result = boost::system::result<T>;

}  // namespace xmpp

template <>
struct boost::system::is_error_code_enum<xmpp::Errc> : std::true_type {};
