#pragma once

#include <string_view>

#include "xmpp/error.h"

namespace xmpp {

/// The SASL failure conditions of RFC 6120 §6.5, as error codes of their own category.
enum class SaslError {
  aborted = 1,
  account_disabled,
  credentials_expired,
  encryption_required,
  incorrect_encoding,
  invalid_authzid,
  invalid_mechanism,
  malformed_request,
  mechanism_too_weak,
  not_authorized,
  temporary_auth_failure,
};

const boost::system::error_category& sasl_category() noexcept;

inline boost::system::error_code make_error_code(SaslError error) noexcept {
  return {static_cast<int>(error), sasl_category()};
}

/// The name of the condition's element, such as "not-authorized".
std::string_view name(SaslError error) noexcept;

/// The condition that an element of this name states; an unknown name is not_authorized.
SaslError sasl_error(std::string_view name) noexcept;

/// The SaslError in `code`; a code of another category is temporary_auth_failure, as the fault is
/// then ours and not the client's.
SaslError sasl_error(const boost::system::error_code& code) noexcept;

}  // namespace xmpp

template <>
struct boost::system::is_error_code_enum<xmpp::SaslError> : std::true_type {};
