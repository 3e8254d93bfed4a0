#include "xmpp/sasl/plain.h"

#include "xmpp/escape.h"
#include "xmpp/sasl/sasl_error.h"

namespace xmpp {

constexpr std::size_t password_bytes_max = 1023;  // hardening, limits.

Result<PlainMessage> parse_plain(std::string_view message) {
  // RFC 4616 §2: [authzid] NUL authcid NUL passwd.
  const std::size_t first = message.find('\0');
  const std::size_t second = first == message.npos ? first : message.find('\0', first + 1);
  if (second == message.npos || message.find('\0', second + 1) != message.npos ||
      second == first + 1 || !is_utf8(message)) {
    return SaslError::malformed_request;
  }
  const std::string_view password = message.substr(second + 1);
  if (password.empty() || password.size() > password_bytes_max) {
    return SaslError::not_authorized;
  }
  return PlainMessage{.authzid = std::string(message.substr(0, first)),
                      .authcid = std::string(message.substr(first + 1, second - first - 1)),
                      .password = Secret(std::string(password))};
}

Result<std::string> make_plain(const PlainMessage& message) {
  std::string out;
  for (const std::string_view part :
       {std::string_view(message.authzid), std::string_view(message.authcid),
        message.password.reveal()}) {
    if (part.find('\0') != part.npos || !is_utf8(part)) {
      return SaslError::malformed_request;
    }
    out.append(part).push_back('\0');
  }
  out.pop_back();
  return out;
}

}  // namespace xmpp
