#include "xmpp/sasl/sasl_error.h"

#include <array>
#include <string>

namespace xmpp {
namespace {

// In the order of SaslError, which begins at 1.
constexpr std::array<std::string_view, 11> names = {"aborted",
                                                    "account-disabled",
                                                    "credentials-expired",
                                                    "encryption-required",
                                                    "incorrect-encoding",
                                                    "invalid-authzid",
                                                    "invalid-mechanism",
                                                    "malformed-request",
                                                    "mechanism-too-weak",
                                                    "not-authorized",
                                                    "temporary-auth-failure"};

class SaslCategory final : public boost::system::error_category {
 public:
  const char* name() const noexcept override { return "sasl"; }

  std::string message(int code) const override {
    if (code < 1 || static_cast<std::size_t>(code) > names.size()) return "unknown error";
    return std::string(names[static_cast<std::size_t>(code) - 1]);
  }
};

}  // namespace

const boost::system::error_category& sasl_category() noexcept {
  static const SaslCategory category;
  return category;
}

std::string_view name(SaslError error) noexcept {
  return names[static_cast<std::size_t>(error) - 1];
}

SaslError sasl_error(std::string_view name) noexcept {
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i] == name) return static_cast<SaslError>(i + 1);
  }
  return SaslError::not_authorized;
}

SaslError sasl_error(const boost::system::error_code& code) noexcept {
  if (code.category() != sasl_category()) return SaslError::temporary_auth_failure;
  return static_cast<SaslError>(code.value());
}

}  // namespace xmpp
