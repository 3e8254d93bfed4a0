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

SaslNegotiation::SaslNegotiation(const std::vector<std::string>& mechanisms, std::string domain,
                                 std::string from, UserStore& users, BlockingPool& hashing,
                                 std::string fake_salt_secret, ChannelBindings bindings)
    : domain_(std::move(domain)),
      from_(std::move(from)),
      users_(users),
      hashing_(hashing),
      fake_salt_secret_(std::move(fake_salt_secret)),
      bindings_(std::move(bindings)) {
  for (const std::string& text : mechanisms) {
    const auto mechanism = xmpp::find_mechanism(text);
    if (!mechanism || (xmpp::is_plus(*mechanism) && bindings_.bindings.empty())) continue;
    offered_.push_back(*mechanism);
  }
}

std::string SaslNegotiation::features() const {
  std::string names;
  for (const xmpp::Mechanism mechanism : offered_) {
    names += "<mechanism>" + std::string(xmpp::name(mechanism)) + "</mechanism>";
  }
  std::string xml =
      "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>" + names + "</mechanisms>";
  if (!offered_.empty()) {
    xml += "<authentication xmlns='urn:xmpp:sasl:2'>" + names + "<inline>" +
           std::string(inline_features) + "</inline></authentication>";
  }
  if (!bindings_.bindings.empty()) {
    xml += "<sasl-channel-binding xmlns='urn:xmpp:sasl-cb:0'>";
    for (const auto& binding : bindings_.bindings) {
      if (binding.type == tls_unique) continue;
      xml += "<channel-binding type='" + binding.type + "'/>";
    }
    xml += "</sasl-channel-binding>";
  }
  return xml;
}

SaslOutcome SaslNegotiation::failure(xmpp::SaslError error) {
  mechanism_.reset();
  scram_.reset();
  expects_initial_ = false;
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
  co_return outcome;
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
  const auto mechanism = xmpp::find_mechanism(step.mechanism);
  // Hardening P12: what is not offered on this stream is not accepted on it.
  if (!mechanism || std::find(offered_.begin(), offered_.end(), *mechanism) == offered_.end()) {
    co_return failure(xmpp::SaslError::invalid_mechanism);
  }
  mechanism_ = *mechanism;
  form_ = step.form;
  if (!step.payload) {
    expects_initial_ = true;  // RFC 6120 §6.4.2: an empty challenge asks for it.
    co_return SaslOutcome{.kind = SaslOutcome::Kind::challenge};
  }
  auto payload = xmpp::sasl_payload_decode(*step.payload);
  if (!payload) co_return failure(xmpp::sasl_error(payload.error()));
  co_return co_await first(*std::move(payload));
}

asio::awaitable<SaslOutcome> SaslNegotiation::first(std::string message) {
  if (*mechanism_ == xmpp::Mechanism::plain) co_return co_await plain(std::move(message));
  co_return co_await scram_first(std::move(message));
}

std::optional<std::string> SaslNegotiation::local_of(std::string_view name) const {
  const auto jid = xmpp::Jid::make(name, domain_);
  if (!jid || !jid->has_local()) return std::nullopt;
  return std::string(jid->local());
}

bool SaslNegotiation::is_own(std::string_view authorization, std::string_view local) const {
  if (authorization.empty()) return true;
  const auto jid = xmpp::Jid::parse(authorization);
  return jid && jid->is_bare() && jid->local() == local && jid->domain() == domain_;
}

bool SaslNegotiation::is_claimed(std::string_view local) const {
  if (from_.empty()) return true;
  const auto jid = xmpp::Jid::parse(from_);
  return jid && jid->local() == local && jid->domain() == domain_;
}

asio::awaitable<SaslOutcome> SaslNegotiation::scram_first(std::string message) {
  const bool is_plus_offered =
      std::any_of(offered_.begin(), offered_.end(), [](auto m) { return xmpp::is_plus(m); });
  xmpp::ScramServerOptions options;
  options.mechanism = *mechanism_;
  options.is_plus_offered = is_plus_offered;
  options.bindings = bindings_.bindings;
  scram_.emplace(std::move(options));
  const auto identity = scram_->begin(message);
  if (!identity) co_return failure(xmpp::sasl_error(identity.error()));

  const auto local = local_of(identity->username);
  if (local && !is_own(identity->authzid, *local)) {
    co_return failure(xmpp::SaslError::invalid_authzid);  // Hardening P11.
  }
  const xmpp::ScramHash hash = xmpp::scram_hash(*mechanism_);
  xmpp::ScramKeys keys = xmpp::fake_scram_keys(fake_salt_secret_, identity->username, hash,
                                               xmpp::scram_iterations_default);
  is_known_ = false;
  if (local) {
    auto found = co_await users_.find(*local, domain_);
    if (!found && found.error() != StorageErrc::bad_key && found.error() != StorageErrc::too_long) {
      co_return failure(xmpp::SaslError::temporary_auth_failure);
    }
    if (found && *found) {
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
  xmpp::ScramKeys keys = xmpp::fake_scram_keys(
      fake_salt_secret_, parsed->authcid, xmpp::ScramHash::sha256, xmpp::scram_iterations_default);
  bool is_known = false;
  if (local) {
    auto found = co_await users_.find(*local, domain_);
    if (!found && found.error() != StorageErrc::bad_key && found.error() != StorageErrc::too_long) {
      co_return failure(xmpp::SaslError::temporary_auth_failure);
    }
    if (found && *found) {
      auto& [sha1, sha256] = **found;
      is_known = sha1 || sha256;
      if (is_known) keys = *std::move(sha256 ? sha256 : sha1);
    }
  }
  // The same hashing for an account that does not exist.
  auto check = [keys = std::move(keys), password = parsed->password]() -> Result<Verdict> {
    return xmpp::is_password_of(keys, password.reveal()) ? Verdict::matches : Verdict::differs;
  };
  const auto verdict = co_await hashing_.run(std::move(check));
  if (!verdict) co_return failure(xmpp::SaslError::temporary_auth_failure);
  if (*verdict != Verdict::matches || !is_known) co_return failure(xmpp::SaslError::not_authorized);
  co_return SaslOutcome{.kind = SaslOutcome::Kind::success, .local = *local};
}

}  // namespace server
