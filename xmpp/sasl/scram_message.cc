#include "xmpp/sasl/scram_message.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "xmpp/escape.h"
#include "xmpp/sasl/base64.h"
#include "xmpp/sasl/sasl_error.h"

namespace xmpp {
namespace {

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

// What is left of a message, taken field by field from its front.
class Fields {
 public:
  explicit Fields(std::string_view rest) : rest_(rest) {}

  bool at_end() const { return ended_; }
  std::string_view rest() const { return rest_; }

  // The text up to the next comma or the end. Absent behind the last field.
  std::optional<std::string_view> next() {
    if (ended_) return std::nullopt;
    const std::size_t comma = rest_.find(',');
    const std::string_view field = rest_.substr(0, comma);
    ended_ = comma == std::string_view::npos;
    rest_ = ended_ ? std::string_view() : rest_.substr(comma + 1);
    return field;
  }

  // The value of the next field, which must have this name.
  std::optional<std::string_view> next(char name) {
    const auto field = next();
    if (!field || field->size() < 2 || (*field)[0] != name || (*field)[1] != '=') {
      return std::nullopt;
    }
    return field->substr(2);
  }

  // Whether all that is left are extensions, `attr-val`; those we do not know are to be ignored.
  // RFC 5802 §5.1: "m" is the mandatory one, and stands at the front, where no field of ours does.
  bool rest_are_extensions() {
    while (const auto field = next()) {
      if (field->size() < 3 || !is_letter((*field)[0]) || (*field)[1] != '=') return false;
    }
    return true;
  }

 private:
  std::string_view rest_;
  bool ended_ = false;
};

// printable: %x21-2B / %x2D-7E; the comma cannot be in a field.
bool is_nonce(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

// cb-name = 1*(ALPHA / DIGIT / "." / "-")
bool is_binding_type(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return is_letter(c) || is_digit(c) || c == '.' || c == '-';
  });
}

// RFC 5802 §5.1: a '=' that begins neither "=2C" nor "=3D" fails the exchange.
std::optional<std::string> unescape(std::string_view saslname) {
  if (saslname.empty()) return std::nullopt;
  std::string name;
  name.reserve(saslname.size());
  for (std::size_t i = 0; i < saslname.size(); ++i) {
    if (saslname[i] != '=') {
      name += saslname[i];
    } else if (saslname.substr(i, 3) == "=2C") {
      name += ',';
      i += 2;
    } else if (saslname.substr(i, 3) == "=3D") {
      name += '=';
      i += 2;
    } else {
      return std::nullopt;
    }
  }
  return name;
}

bool is_text(std::string_view message) {
  return is_utf8(message) && message.find('\0') == std::string_view::npos;
}

}  // namespace

Result<ScramClientFirst> parse_scram_client_first(std::string_view message) {
  if (!is_text(message)) return SaslError::malformed_request;
  ScramClientFirst parsed;
  Fields fields(message);

  // gs2-header = gs2-cbind-flag "," [ authzid ] ","
  const auto flag = fields.next();
  if (!flag) return SaslError::malformed_request;
  if (flag->starts_with("p=") && is_binding_type(flag->substr(2))) {
    parsed.binding_flag = 'p';
    parsed.binding_type = flag->substr(2);
  } else if (*flag == "n" || *flag == "y") {
    parsed.binding_flag = flag->front();
  } else {
    return SaslError::malformed_request;
  }
  const auto authzid = fields.next();
  if (!authzid || fields.at_end()) return SaslError::malformed_request;
  if (!authzid->empty()) {
    if (!authzid->starts_with("a=")) return SaslError::malformed_request;
    const auto name = unescape(authzid->substr(2));
    if (!name) return SaslError::malformed_request;
    parsed.authzid = *name;
  }
  parsed.bare = fields.rest();
  parsed.gs2_header = message.substr(0, message.size() - parsed.bare.size());

  const auto username = fields.next('n');
  if (!username) return SaslError::malformed_request;
  const auto name = unescape(*username);
  const auto nonce = fields.next('r');
  if (!name || !nonce || !is_nonce(*nonce) || !fields.rest_are_extensions()) {
    return SaslError::malformed_request;
  }
  parsed.username = *name;
  parsed.nonce = *nonce;
  return parsed;
}

Result<ScramServerFirst> parse_scram_server_first(std::string_view message) {
  if (!is_text(message)) return SaslError::malformed_request;
  Fields fields(message);
  const auto nonce = fields.next('r');
  const auto salt = fields.next('s');
  const auto count = fields.next('i');
  if (!nonce || !salt || !count || !is_nonce(*nonce) || !fields.rest_are_extensions()) {
    return SaslError::malformed_request;
  }
  const auto salt_bytes = base64_decode(*salt);
  if (!salt_bytes || salt_bytes->empty()) return SaslError::malformed_request;

  // posit-number = %x31-39 *DIGIT
  ScramServerFirst parsed;
  const char* const end = count->data() + count->size();
  const auto [stop, error] = std::from_chars(count->data(), end, parsed.iterations);
  if (error != std::errc() || stop != end || count->front() == '0') {
    return SaslError::malformed_request;
  }
  parsed.nonce = *nonce;
  parsed.salt = *salt_bytes;
  return parsed;
}

Result<ScramClientFinal> parse_scram_client_final(std::string_view message) {
  if (!is_text(message)) return SaslError::malformed_request;
  // The proof is last, and base64 has no comma.
  const std::size_t comma = message.rfind(',');
  if (comma == std::string_view::npos || !message.substr(comma + 1).starts_with("p=")) {
    return SaslError::malformed_request;
  }
  const auto proof = base64_decode(message.substr(comma + 3));
  Fields fields(message.substr(0, comma));
  const auto channel_binding = fields.next('c');
  const auto nonce = fields.next('r');
  if (!proof || !channel_binding || !nonce || !is_nonce(*nonce) || !fields.rest_are_extensions()) {
    return SaslError::malformed_request;
  }
  const auto binding = base64_decode(*channel_binding);
  if (!binding) return SaslError::malformed_request;

  ScramClientFinal parsed;
  parsed.binding = *binding;
  parsed.nonce = *nonce;
  parsed.proof = *proof;
  parsed.without_proof = message.substr(0, comma);
  return parsed;
}

Result<std::string> parse_scram_server_final(std::string_view message) {
  if (!is_text(message)) return SaslError::malformed_request;
  Fields fields(message);
  const auto verifier = fields.next('v');
  if (!verifier || !fields.rest_are_extensions()) return SaslError::malformed_request;
  auto signature = base64_decode(*verifier);
  if (!signature) return SaslError::malformed_request;
  return signature;
}

std::string scram_escape(std::string_view name) {
  std::string saslname;
  saslname.reserve(name.size());
  for (const char c : name) {
    if (c == ',') {
      saslname += "=2C";
    } else if (c == '=') {
      saslname += "=3D";
    } else {
      saslname += c;
    }
  }
  return saslname;
}

std::string scram_auth_message(std::string_view client_first_bare, std::string_view server_first,
                               std::string_view client_final_without_proof) {
  std::string message;
  message.reserve(client_first_bare.size() + server_first.size() +
                  client_final_without_proof.size() + 2);
  message += client_first_bare;
  message += ',';
  message += server_first;
  message += ',';
  message += client_final_without_proof;
  return message;
}

}  // namespace xmpp
