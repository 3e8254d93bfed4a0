#include "loadgen/login.h"

#include <algorithm>
#include <optional>
#include <unordered_map>
#include <utility>

#include "xmpp/sasl/base64.h"
#include "xmpp/sasl/channel_binding.h"
#include "xmpp/sasl/mechanism.h"
#include "xmpp/sasl/plain.h"
#include "xmpp/sasl/scram.h"

namespace loadgen {

/// By hash, password, salt and rounds. Bounded: one entry for each account at most, and the
/// accounts of a run are bounded.
class SaltedKeys {
 public:
  std::unordered_map<std::string, xmpp::SaltedPassword> entries;
};

void SaltedKeysFree::operator()(SaltedKeys* keys) const { delete keys; }

std::unique_ptr<SaltedKeys, SaltedKeysFree> make_salted_keys() {
  return std::unique_ptr<SaltedKeys, SaltedKeysFree>(new SaltedKeys);
}

namespace {

LoginStep failure(std::string_view reason) {
  return {LoginStep::Kind::failure, std::string(reason)};
}

class PlainLogin final : public Login {
 public:
  PlainLogin(std::string_view user, std::string_view password)
      : user_(user), password_(std::string(password)) {}

  [[nodiscard]] std::string_view mechanism() const override { return "PLAIN"; }

  std::string first() override {
    const auto message = xmpp::make_plain({.authzid = "", .authcid = user_, .password = password_});
    // A user or password that PLAIN cannot carry: the server will refuse what is left of it.
    return xmpp::base64_encode(message.has_value() ? *message : std::string());
  }

  LoginStep on_element(std::string_view name, std::string_view,
                       std::string_view condition) override {
    if (name == "success") return {LoginStep::Kind::success, ""};
    return failure(name == "failure" ? condition : "the server asked PLAIN for more");
  }

 private:
  std::string user_;
  xmpp::Secret password_;
};

class ScramLogin final : public Login {
 public:
  ScramLogin(xmpp::ScramClientOptions options, std::string password, SaltedKeys& keys)
      : mechanism_(options.mechanism), password_(std::move(password)), keys_(keys) {
    options.cache = &salted_;
    client_.emplace(std::move(options));
  }

  [[nodiscard]] std::string_view mechanism() const override { return xmpp::name(mechanism_); }

  std::string first() override { return xmpp::base64_encode(client_->first()); }

  LoginStep on_element(std::string_view name, std::string_view text,
                       std::string_view condition) override {
    if (name == "failure") return failure(condition);
    const auto payload = xmpp::sasl_payload_decode(text);
    if (payload.has_error()) return failure("the server's SASL data is no base64");
    if (name == "challenge" && !answered_) return answer(*payload);
    // RFC 5802 §5: without the server's signature, we might be talking to anybody.
    if ((name == "success" && !payload->empty()) || (name == "challenge" && !verified_)) {
      if (client_->verify(*payload).has_error()) return failure("the server's signature is wrong");
      verified_ = true;
    }
    if (name == "success") {
      return verified_ ? LoginStep{LoginStep::Kind::success, ""}
                       : failure("the server did not sign");
    }
    return {LoginStep::Kind::send, ""};
  }

 private:
  LoginStep answer(const std::string& challenge) {
    answered_ = true;
    const auto salt = challenge.find(",s=");
    const auto rounds_end = challenge.find(',', challenge.find(",i=") + 3);
    const bool well_formed = salt != std::string::npos && salt < rounds_end;
    std::string key(xmpp::name(xmpp::scram_hash(mechanism_)));
    key.append(1, '\0').append(password_).append(1, '\0');
    if (well_formed) key.append(challenge.substr(salt, rounds_end - salt));
    const auto known = keys_.entries.find(key);
    if (known != keys_.entries.end()) salted_ = known->second;
    const auto response = client_->respond(challenge);
    if (response.has_error())
      return failure("the server's challenge: " + response.error().message());
    if (known == keys_.entries.end() && well_formed) keys_.entries.emplace(key, salted_);
    return {LoginStep::Kind::send, xmpp::base64_encode(*response)};
  }

  xmpp::Mechanism mechanism_;
  std::string password_;
  SaltedKeys& keys_;
  xmpp::SaltedPassword salted_;
  std::optional<xmpp::ScramClient> client_;
  bool answered_ = false;
  bool verified_ = false;
};

/// draft-schmaus-kitten-sasl-ht
class TokenLogin final : public Login {
 public:
  TokenLogin(std::string_view user, const LoginMemory& memory, std::string binding)
      : user_(user), memory_(memory), binding_(std::move(binding)) {}

  [[nodiscard]] std::string_view mechanism() const override {
    return xmpp::name(memory_.mechanism);
  }

  std::string first() override {
    return xmpp::base64_encode(xmpp::token_message(user_, memory_.token, binding_));
  }

  LoginStep on_element(std::string_view name, std::string_view text,
                       std::string_view condition) override {
    if (name == "failure") return failure("token: " + std::string(condition));
    if (name != "success") return failure("the server asked for more than a token");
    const auto answer = xmpp::base64_decode(text);
    if (answer.has_error() || *answer != xmpp::token_answer(memory_.token, binding_)) {
      return failure("the server does not know the token");
    }
    return {LoginStep::Kind::success, ""};
  }

 private:
  std::string user_;
  LoginMemory memory_;
  std::string binding_;
};

/// Of this connection; absent where it has not what the mechanism binds to.
std::optional<std::string> binding_for(xmpp::TokenMechanism mechanism, SSL* ssl) {
  if (mechanism == xmpp::TokenMechanism::none) return std::string();
  if (mechanism != xmpp::TokenMechanism::expr || ssl == nullptr) return std::nullopt;
  auto exported = xmpp::tls_exporter_binding(ssl);
  if (exported.has_error()) return std::nullopt;
  return std::move(exported->data);
}

bool allows(AuthChoice choice, xmpp::Mechanism mechanism, bool secured) {
  using xmpp::Mechanism;
  switch (choice) {
    case AuthChoice::best:
      return mechanism != Mechanism::plain || secured;
    case AuthChoice::scram_sha_256:
      return mechanism == Mechanism::scram_sha_256 || mechanism == Mechanism::scram_sha_256_plus;
    case AuthChoice::scram_sha_1:
      return mechanism == Mechanism::scram_sha_1 || mechanism == Mechanism::scram_sha_1_plus;
    case AuthChoice::plain:
      return mechanism == Mechanism::plain;
  }
  return false;
}

}  // namespace

std::unique_ptr<Login> start_login(AuthChoice choice, const LoginOffer& offer,
                                   std::string_view user, std::string_view password,
                                   SaltedKeys& keys) {
  const auto is_offered = [&](xmpp::Mechanism mechanism) {
    return std::find(offer.mechanisms.begin(), offer.mechanisms.end(), xmpp::name(mechanism)) !=
           offer.mechanisms.end();
  };
  const bool plus_offered = is_offered(xmpp::Mechanism::scram_sha_256_plus) ||
                            is_offered(xmpp::Mechanism::scram_sha_1_plus);
  xmpp::ChannelBinding binding;
  if (offer.ssl != nullptr && (offer.tls_exporter || !plus_offered)) {
    auto exported = xmpp::tls_exporter_binding(offer.ssl);
    if (exported.has_value()) binding = std::move(*exported);
  }
  for (const auto mechanism : xmpp::mechanisms_by_strength) {
    if (!is_offered(mechanism) || !allows(choice, mechanism, offer.ssl != nullptr)) continue;
    if (mechanism == xmpp::Mechanism::plain) return std::make_unique<PlainLogin>(user, password);
    if (xmpp::is_plus(mechanism) && (binding.type.empty() || !offer.tls_exporter)) continue;
    xmpp::ScramClientOptions options;
    options.mechanism = mechanism;
    options.username = std::string(user);
    options.password = xmpp::Secret(std::string(password));
    // Flag y would call a server that offers -PLUS a liar; where it does and we cannot, it is n.
    if (xmpp::is_plus(mechanism) || !plus_offered) options.binding = binding;
    return std::make_unique<ScramLogin>(std::move(options), std::string(password), keys);
  }
  return nullptr;
}

std::unique_ptr<Login> start_token_login(const LoginOffer& offer, std::string_view user,
                                         const LoginMemory& memory) {
  const auto& offered = offer.token_mechanisms;
  if (memory.token.is_empty() ||
      std::find(offered.begin(), offered.end(), xmpp::name(memory.mechanism)) == offered.end()) {
    return nullptr;
  }
  auto binding = binding_for(memory.mechanism, offer.ssl);
  if (!binding) return nullptr;
  return std::make_unique<TokenLogin>(user, memory, *std::move(binding));
}

// RFC 9562 §5.4: version 4.
std::string random_uuid() {
  std::string bytes = xmpp::random_bytes(16);
  bytes[6] = static_cast<char>((bytes[6] & 0x0f) | 0x40);
  bytes[8] = static_cast<char>((bytes[8] & 0x3f) | 0x80);
  static constexpr char digits[] = "0123456789abcdef";
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += digits[static_cast<unsigned char>(bytes[i]) >> 4];
    text += digits[bytes[i] & 15];
  }
  return text;
}

std::optional<xmpp::TokenMechanism> wanted_token(const LoginOffer& offer) {
  for (const auto mechanism : xmpp::token_mechanisms) {
    const auto& offered = offer.token_mechanisms;
    if (std::find(offered.begin(), offered.end(), xmpp::name(mechanism)) == offered.end()) continue;
    if (binding_for(mechanism, offer.ssl)) return mechanism;
  }
  return std::nullopt;
}

}  // namespace loadgen
