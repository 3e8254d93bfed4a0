#include "server/stream/sasl_negotiation.h"

#include <algorithm>
#include <utility>

#include "server/stream/tls_context.h"
#include "xmpp/jid.h"
#include "xmpp/sasl/base64.h"
#include "xmpp/sasl/channel_binding.h"

namespace server {
namespace {

constexpr std::string_view tls_unique = "tls-unique";

// What `<authenticate/>` may ask for (XEP-0198 §12, XEP-0386): see LoginWishes.
constexpr std::string_view inline_features =
    "<sm xmlns='urn:xmpp:sm:3'/>"
    "<bind xmlns='urn:xmpp:bind:0'><inline>"
    "<feature var='urn:xmpp:carbons:2'/>"
    "<feature var='urn:xmpp:csi:0'/>"
    "<feature var='urn:xmpp:sm:3'/>"
    "</inline></bind>";

enum class Verdict { matches, differs };

}  // namespace

ChannelBindings ChannelBindings::of(SSL* ssl, const TlsContext& context) {
  ChannelBindings result;
  if (ssl == nullptr) return result;
  if (SSL_version(ssl) >= TLS1_3_VERSION) {
    if (auto exporter = xmpp::tls_exporter_binding(ssl)) {
      result.bindings.push_back(*std::move(exporter));
    }
  }
  if (!context.server_end_point().empty()) {
    result.bindings.push_back(
        {std::string(xmpp::tls_server_end_point), context.server_end_point()});
  }
  // RFC 9266 leaves `tls-unique` without a meaning under TLS 1.3, but slixmpp 1.8 (Debian 12) binds
  // with nothing else, and refuses to do without where -PLUS is offered. The client's Finished is
  // as unique as an exporter here, where no session is ever resumed. Accepted, not advertised.
  char finished[EVP_MAX_MD_SIZE];
  const std::size_t size = SSL_get_peer_finished(ssl, finished, sizeof finished);
  if (size > 0 && size <= sizeof finished) {
    result.bindings.push_back({std::string(tls_unique), std::string(finished, size)});
  }
  return result;
}

SaslNegotiation::SaslNegotiation(SaslSetting setting) : setting_(std::move(setting)) {
  for (const std::string& text : setting_.mechanisms) {
    const auto mechanism = xmpp::find_mechanism(text);
    if (!mechanism || (xmpp::is_plus(*mechanism) && setting_.bindings.bindings.empty())) continue;
    offered_.push_back(*mechanism);
  }
}

const xmpp::ChannelBinding* SaslNegotiation::binding(std::string_view type) const {
  const auto& all = setting_.bindings.bindings;
  const auto found =
      std::find_if(all.begin(), all.end(), [&](const auto& b) { return b.type == type; });
  return found == all.end() ? nullptr : &*found;
}

// XEP-0484 §6: over TLS alone.
bool SaslNegotiation::is_offered(xmpp::TokenMechanism mechanism) const {
  if (setting_.tokens == nullptr || setting_.bindings.bindings.empty()) return false;
  const std::string_view type = xmpp::binding_type(mechanism);
  return type.empty() || binding(type) != nullptr;
}

std::string SaslNegotiation::features() const {
  std::string names;
  for (const xmpp::Mechanism mechanism : offered_) {
    names += "<mechanism>" + std::string(xmpp::name(mechanism)) + "</mechanism>";
  }
  std::string xml =
      "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>" + names + "</mechanisms>";
  if (!offered_.empty()) {
    std::string tokens;
    for (const xmpp::TokenMechanism mechanism : xmpp::token_mechanisms) {
      if (!is_offered(mechanism)) continue;
      tokens += "<mechanism>" + std::string(xmpp::name(mechanism)) + "</mechanism>";
    }
    if (!tokens.empty()) tokens = "<fast xmlns='urn:xmpp:fast:0'>" + tokens + "</fast>";
    xml += "<authentication xmlns='urn:xmpp:sasl:2'>" + names + "<inline>" +
           std::string(inline_features) + tokens + "</inline></authentication>";
  }
  if (!setting_.bindings.bindings.empty()) {
    xml += "<sasl-channel-binding xmlns='urn:xmpp:sasl-cb:0'>";
    for (const auto& one : setting_.bindings.bindings) {
      if (one.type == tls_unique) continue;
      xml += "<channel-binding type='" + one.type + "'/>";
    }
    xml += "</sasl-channel-binding>";
  }
  return xml;
}

SaslOutcome SaslNegotiation::failure(xmpp::SaslError error) {
  mechanism_.reset();
  scram_.reset();
  expects_initial_ = false;
  tokens_ = {};
  password_key_ = {};
  return {.payload = std::string(xmpp::name(error))};
}

asio::awaitable<SaslOutcome> SaslNegotiation::take(SaslStep step) {
  const SaslForm form = step.form;
  SaslOutcome outcome = co_await advance(std::move(step));
  // XEP-0388 §2.3: who logs in is who the stream is from, if it says so.
  if (outcome.kind == SaslOutcome::Kind::success && form == SaslForm::xep0388 &&
      !is_claimed(outcome.local)) {
    co_return failure(xmpp::SaslError::invalid_authzid);
  }
  if (outcome.kind == SaslOutcome::Kind::success) co_await give_token(outcome);
  co_return outcome;
}

// To a client that has logged in by password. Without one it logs in so again.
asio::awaitable<void> SaslNegotiation::give_token(SaslOutcome& outcome) {
  if (!tokens_.wanted || tokens_.client.empty() || password_key_.is_empty() ||
      !is_offered(*tokens_.wanted)) {
    co_return;
  }
  TokenOwner owner{.local = outcome.local, .domain = setting_.domain, .client = tokens_.client};
  auto issued = co_await setting_.tokens->issue(std::move(owner), *tokens_.wanted, password_key_);
  if (issued) outcome.token = *std::move(issued);
}

asio::awaitable<SaslOutcome> SaslNegotiation::advance(SaslStep step) {
  switch (step.kind) {
    case SaslStep::Kind::abort:
      co_return failure(xmpp::SaslError::aborted);
    case SaslStep::Kind::malformed:
      co_return failure(xmpp::SaslError::malformed_request);
    case SaslStep::Kind::begin:
      // RFC 6120 §6.4.2: one exchange at a time; a second beginning ends the first.
      if (mechanism_) co_return failure(xmpp::SaslError::aborted);
      co_return co_await begin(std::move(step));
    case SaslStep::Kind::response:
      break;
  }
  if (!mechanism_ || step.form != form_) co_return failure(xmpp::SaslError::malformed_request);
  auto payload = xmpp::sasl_payload_decode(step.payload.value_or(std::string()));
  if (!payload) co_return failure(xmpp::sasl_error(payload.error()));
  if (std::exchange(expects_initial_, false)) co_return co_await first(*std::move(payload));
  if (!scram_) co_return failure(xmpp::SaslError::malformed_request);
  co_return scram_final(*payload);
}

asio::awaitable<SaslOutcome> SaslNegotiation::begin(SaslStep step) {
  const auto by_token = xmpp::find_token_mechanism(step.mechanism);
  if (by_token) co_return co_await with_token(*by_token, std::move(step));
  const auto mechanism = xmpp::find_mechanism(step.mechanism);
  // Hardening P12: what is not offered on this stream is not accepted on it.
  if (!mechanism || std::find(offered_.begin(), offered_.end(), *mechanism) == offered_.end()) {
    co_return failure(xmpp::SaslError::invalid_mechanism);
  }
  mechanism_ = *mechanism;
  form_ = step.form;
  tokens_ = std::move(step.tokens);
  if (!step.payload) {
    expects_initial_ = true;  // RFC 6120 §6.4.2: an empty challenge asks for it.
    co_return SaslOutcome{.kind = SaslOutcome::Kind::challenge};
  }
  auto payload = xmpp::sasl_payload_decode(*step.payload);
  if (!payload) co_return failure(xmpp::sasl_error(payload.error()));
  co_return co_await first(*std::move(payload));
}

asio::awaitable<SaslOutcome> SaslNegotiation::with_token(xmpp::TokenMechanism mechanism,
                                                         SaslStep step) {
  using Error = xmpp::SaslError;
  if (step.form != SaslForm::xep0388 || !is_offered(mechanism)) {
    co_return failure(Error::invalid_mechanism);
  }
  // XEP-0484 §4.3: one message, with all that says whose token it is.
  if (!step.payload || !step.tokens.use || step.tokens.client.empty()) {
    co_return failure(Error::malformed_request);
  }
  const auto payload = xmpp::sasl_payload_decode(*step.payload);
  if (!payload) co_return failure(xmpp::sasl_error(payload.error()));
  auto message = xmpp::parse_token_message(*payload);
  if (!message) co_return failure(xmpp::sasl_error(message.error()));
  const auto local = local_of(message->user);
  if (!local) co_return failure(Error::not_authorized);
  if (!is_claimed(*local)) co_return failure(Error::invalid_authzid);  // Before it counts.

  TokenLogin login{.mechanism = mechanism,
                   .proof = std::move(message->proof),
                   .count = step.tokens.use->count,
                   .is_last = step.tokens.use->is_last};
  if (const auto* bound = binding(xmpp::binding_type(mechanism))) login.binding = bound->data;
  if (step.tokens.wanted && is_offered(*step.tokens.wanted)) login.wanted = step.tokens.wanted;
  TokenOwner owner{.local = *local, .domain = setting_.domain, .client = step.tokens.client};
  auto verdict = co_await setting_.tokens->use(std::move(owner), std::move(login));
  if (!verdict) {
    const bool is_no_name =
        verdict.error() == StorageErrc::bad_key || verdict.error() == StorageErrc::too_long;
    co_return failure(is_no_name ? Error::not_authorized : Error::temporary_auth_failure);
  }
  switch (verdict->kind) {
    case TokenVerdict::Kind::accepted:
      break;
    case TokenVerdict::Kind::refused:
      co_return failure(Error::not_authorized);
    case TokenVerdict::Kind::expired:
      co_return failure(Error::credentials_expired);
  }
  co_return SaslOutcome{.kind = SaslOutcome::Kind::success,
                        .payload = xmpp::sasl_payload_encode(verdict->answer),
                        .local = *local,
                        .token = std::move(verdict->next)};
}

asio::awaitable<SaslOutcome> SaslNegotiation::first(std::string message) {
  if (*mechanism_ == xmpp::Mechanism::plain) co_return co_await plain(std::move(message));
  co_return co_await scram_first(std::move(message));
}

std::optional<std::string> SaslNegotiation::local_of(std::string_view name) const {
  const auto jid = xmpp::Jid::make(name, setting_.domain);
  if (!jid || !jid->has_local()) return std::nullopt;
  return std::string(jid->local());
}

bool SaslNegotiation::is_own(std::string_view authorization, std::string_view local) const {
  if (authorization.empty()) return true;
  const auto jid = xmpp::Jid::parse(authorization);
  return jid && jid->is_bare() && jid->local() == local && jid->domain() == setting_.domain;
}

bool SaslNegotiation::is_claimed(std::string_view local) const {
  if (setting_.from.empty()) return true;
  const auto jid = xmpp::Jid::parse(setting_.from);
  return jid && jid->local() == local && jid->domain() == setting_.domain;
}

asio::awaitable<SaslOutcome> SaslNegotiation::scram_first(std::string message) {
  const bool is_plus_offered =
      std::any_of(offered_.begin(), offered_.end(), [](auto m) { return xmpp::is_plus(m); });
  xmpp::ScramServerOptions options;
  options.mechanism = *mechanism_;
  options.is_plus_offered = is_plus_offered;
  options.bindings = setting_.bindings.bindings;
  scram_.emplace(std::move(options));
  const auto identity = scram_->begin(message);
  if (!identity) co_return failure(xmpp::sasl_error(identity.error()));

  const auto local = local_of(identity->username);
  if (local && !is_own(identity->authzid, *local)) {
    co_return failure(xmpp::SaslError::invalid_authzid);  // Hardening P11.
  }
  const xmpp::ScramHash hash = xmpp::scram_hash(*mechanism_);
  xmpp::ScramKeys keys = xmpp::fake_scram_keys(setting_.fake_salt_secret, identity->username, hash,
                                               xmpp::scram_iterations_default);
  is_known_ = false;
  if (local) {
    auto found = co_await setting_.users.find(*local, setting_.domain);
    if (!found && found.error() != StorageErrc::bad_key && found.error() != StorageErrc::too_long) {
      co_return failure(xmpp::SaslError::temporary_auth_failure);
    }
    if (found && *found) {
      password_key_ = password_key(**found);
      auto& own = hash == xmpp::ScramHash::sha1 ? (*found)->sha1 : (*found)->sha256;
      is_known_ = own.has_value();
      if (own) keys = *std::move(own);
      local_ = *local;
    }
  }
  if (!scram_) co_return failure(xmpp::SaslError::aborted);
  co_return SaslOutcome{.kind = SaslOutcome::Kind::challenge,
                        .payload = xmpp::sasl_payload_encode(scram_->challenge(std::move(keys)))};
}

SaslOutcome SaslNegotiation::scram_final(std::string_view message) {
  auto verdict = scram_->finish(message);
  if (!verdict) return failure(xmpp::sasl_error(verdict.error()));
  if (!is_known_) return failure(xmpp::SaslError::not_authorized);
  return {.kind = SaslOutcome::Kind::success,
          .payload = xmpp::sasl_payload_encode(*verdict),
          .local = local_};
}

asio::awaitable<SaslOutcome> SaslNegotiation::plain(std::string message) {
  auto parsed = xmpp::parse_plain(message);
  if (!parsed) co_return failure(xmpp::sasl_error(parsed.error()));
  const auto local = local_of(parsed->authcid);
  if (local && !is_own(parsed->authzid, *local)) {
    co_return failure(xmpp::SaslError::invalid_authzid);
  }
  xmpp::ScramKeys keys =
      xmpp::fake_scram_keys(setting_.fake_salt_secret, parsed->authcid, xmpp::ScramHash::sha256,
                            xmpp::scram_iterations_default);
  bool is_known = false;
  if (local) {
    auto found = co_await setting_.users.find(*local, setting_.domain);
    if (!found && found.error() != StorageErrc::bad_key && found.error() != StorageErrc::too_long) {
      co_return failure(xmpp::SaslError::temporary_auth_failure);
    }
    if (found && *found) {
      password_key_ = password_key(**found);
      auto& [sha1, sha256] = **found;
      is_known = sha1 || sha256;
      if (is_known) keys = *std::move(sha256 ? sha256 : sha1);
    }
  }
  // The same hashing for an account that does not exist.
  auto check = [keys = std::move(keys), password = parsed->password]() -> Result<Verdict> {
    return xmpp::is_password_of(keys, password.reveal()) ? Verdict::matches : Verdict::differs;
  };
  const auto verdict = co_await setting_.hashing.run(std::move(check));
  if (!verdict) co_return failure(xmpp::SaslError::temporary_auth_failure);
  if (*verdict != Verdict::matches || !is_known) co_return failure(xmpp::SaslError::not_authorized);
  co_return SaslOutcome{.kind = SaslOutcome::Kind::success, .local = *local};
}

}  // namespace server
