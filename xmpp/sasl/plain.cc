#include "xmpp/sasl/plain.h"

#include "xmpp/escape.h"
#include "xmpp/sasl/sasl_error.h"

namespace xmpp {
namespace {

constexpr std::size_t password_bytes_max = 1'023;

bool has_nul(std::string_view text) { return text.find('\0') != std::string_view::npos; }

}  // namespace

Result<PlainMessage> parse_plain(std::string_view message) {
  if (!is_utf8(message)) return SaslError::malformed_request;
  // message = [authzid] NUL authcid NUL passwd
  const std::size_t first = message.find('\0');
  if (first == std::string_view::npos) return SaslError::malformed_request;
  const std::size_t second = message.find('\0', first + 1);
  if (second == std::string_view::npos) return SaslError::malformed_request;
  const std::string_view authcid = message.substr(first + 1, second - first - 1);
  const std::string_view password = message.substr(second + 1);
  if (authcid.empty() || has_nul(password)) return SaslError::malformed_request;
  if (password.empty() || password.size() > password_bytes_max) return SaslError::not_authorized;
  PlainMessage parts;
  parts.authzid = message.substr(0, first);
  parts.authcid = authcid;
  parts.password = Secret(std::string(password));
  return parts;
}

Result<std::string> make_plain(const PlainMessage& message) {
  std::string text;
  for (const std::string_view part :
       {std::string_view(message.authzid), std::string_view(message.authcid),
        std::string_view(message.password.reveal())}) {
    if (has_nul(part) || !is_utf8(part)) return SaslError::malformed_request;
  }
  text.reserve(message.authzid.size() + message.authcid.size() + message.password.reveal().size() +
               2);
  text += message.authzid;
  text += '\0';
  text += message.authcid;
  text += '\0';
  text += message.password.reveal();
  return text;
}

}  // namespace xmpp
