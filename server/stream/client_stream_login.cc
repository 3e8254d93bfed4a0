// From the first SASL element on a client's stream to its session: RFC 6120 §6, §7, and the same in
// one round trip (XEP-0388, XEP-0386).

#include <boost/asio/co_spawn.hpp>
#include <exception>
#include <utility>
#include <variant>

#include "server/log/log.h"
#include "server/stream/client_stream.h"
#include "server/stream/resource_grant.h"
#include "xmpp/namespaces.h"
#include "xmpp/stanza_error.h"

namespace server {
namespace {

constexpr int sasl_failures_max = 3;  // Hardening, Limits: tries a stream.

xmpp::StreamLimits session_limits(const Config& config) {
  xmpp::StreamLimits limits = xmpp::StreamLimits::after_login();
  limits.bytes_max = static_cast<std::uint32_t>(config.limits.stanza_bytes_max);
  return limits;
}

SaslOutcome failure(xmpp::SaslError error) { return {.payload = std::string(xmpp::name(error))}; }

}  // namespace

void ClientStream::count_login(std::string_view reason) { home_.counters.logins.add(reason); }

// RFC 6120 §6.5.4: what the element says is not looked at.
void ClientStream::refuse_login_in_clear(const xmpp::Element& element) {
  count_login("encryption-required");
  const bool is_new = element.ns() == xmpp::ns::sasl2;
  send(failure(xmpp::SaslError::encryption_required)
           .to_xml(is_new ? SaslForm::xep0388 : SaslForm::rfc6120));
}

void ClientStream::on_sasl(const xmpp::Stanza& element) {
  auto step = SaslStep::of(element.root());
  if (!step) return close(xmpp::StreamErrorCondition::policy_violation);
  if (step->kind == SaslStep::Kind::begin && step->form == SaslForm::xep0388) {
    inline_ = nullptr;
    if (auto wishes = LoginWishes::of(element.root())) {
      step->tokens = wishes->tokens;
      inline_ = std::make_unique<InlineLogin>(InlineLogin{.wishes = *std::move(wishes)});
    } else {
      step->kind = SaslStep::Kind::malformed;
    }
  }
  phase_ = Phase::checking;
  asio::co_spawn(home_.loop.executor(), run_sasl(sasl_, *std::move(step)),
                 [self = shared_from_this()](const std::exception_ptr& error) {
                   if (!error || self->phase_ != Phase::checking) return;
                   log::failed_unexpectedly("stream", error);
                   self->close(xmpp::StreamErrorCondition::internal_server_error);
                 });
}

asio::awaitable<void> ClientStream::run_sasl(std::shared_ptr<SaslNegotiation> sasl, SaslStep step) {
  auto self = shared_from_this();
  if (step.kind == SaslStep::Kind::begin) {
    const auto wait = services_.login_pacer.reserve(std::chrono::steady_clock::now());
    if (wait.count() > 0) {
      co_await home_.loop.delay(wait);
      if (phase_ != Phase::checking) co_return;  // The client has gone, or its time was up.
    }
  }
  const SaslForm form = step.form;
  SaslOutcome outcome = co_await sasl->take(std::move(step));
  if (outcome.kind == SaslOutcome::Kind::success) {
    // Whom the account blocks is known before anybody can find its session (hardening S12).
    auto held = co_await services_.session.blocks.hold(*xmpp::Jid::make(outcome.local, domain_));
    if (held) {
      blocked_ = *std::move(held);
    } else {
      outcome = failure(xmpp::SaslError::temporary_auth_failure);
    }
  }
  if (phase_ == Phase::checking) on_sasl_outcome(form, std::move(outcome));
}

void ClientStream::on_sasl_outcome(SaslForm form, SaslOutcome outcome) {
  const bool is_new = form == SaslForm::xep0388;
  phase_ = Phase::authenticating;
  switch (outcome.kind) {
    case SaslOutcome::Kind::challenge:
      if (is_new) phase_ = Phase::exchanging;
      return send(outcome.to_xml(form));
    case SaslOutcome::Kind::success:
      local_ = std::move(outcome.local);
      sasl_.reset();
      if (is_new) {
        inline_->payload = std::move(outcome.payload);
        if (outcome.token) inline_->answers = token_xml(*outcome.token);
        if (!inline_->wishes.resume) return go_on_with_login();
        return resume(inline_->wishes.resume->previd, inline_->wishes.resume->h);
      }
      send(outcome.to_xml(form));
      // RFC 6120 §6.4.6: a new stream over the same connection.
      parser_.reset();
      phase_ = Phase::opening;
      return;
    case SaslOutcome::Kind::failure:
      inline_ = nullptr;
      send(outcome.to_xml(form));
      count_login(outcome.payload);
      if (++sasl_failures_ >= sasl_failures_max) {
        close(xmpp::StreamErrorCondition::policy_violation, "too many failed logins");
      }
      return;
  }
}

// No former session goes on.
void ClientStream::go_on_with_login() {
  const auto& wish = inline_->wishes.bind;
  if (wish && !bind_inline(*wish)) return;
  send_success();
  // XEP-0388 §2.6.1: features follow, in the same stream.
  send(features_xml(session_ ? Features{.acks = !session_->uses_acks(), .session = true}
                             : offer_session()));
}

void ClientStream::send_success() {
  const auto login = std::exchange(inline_, nullptr);
  const std::string jid =
      std::string(session_ ? session_->jid().str() : xmpp::Jid::make(local_, domain_)->bare_str());
  send(success_xml(login->payload, jid, login->answers));
}

// False when the stream ends instead. An account that gets no session now is logged in all the
// same, without `<bound/>`: it may bind as RFC 6120 §7 has it, which will say why it cannot.
bool ClientStream::bind_inline(const LoginWishes::Bind& wish) {
  const std::string account(xmpp::Jid::make(local_, domain_)->bare_str());
  const auto ask = [&](std::string_view tag) {
    return grant_resource(made_resource(tag, inline_->wishes.client(), account), local_, domain_,
                          services_);
  };
  auto grant = ask(wish.tag);
  // A name that is no part of a JID is not what the login depends on.
  if (std::holds_alternative<xmpp::StanzaErrorCondition>(grant) && !wish.tag.empty()) {
    grant = ask({});
  }
  if (const auto* refusal = std::get_if<NodeRefusal>(&grant)) {
    count_login("other");
    close(refusal->condition, refusal->text);
    return false;
  }
  if (auto* jid = std::get_if<xmpp::Jid>(&grant)) {
    bind_session(std::move(*jid));
    inline_->answers +=
        "<bound xmlns='urn:xmpp:bind:0'>" + session_->start_with(wish.session) + "</bound>";
  }
  return true;
}

void ClientStream::bind(const xmpp::Stanza& iq) {
  const xmpp::Element asked =
      iq.root().child("bind", xmpp::ns::bind).child("resource", xmpp::ns::bind);
  auto grant = grant_resource(asked.text(), local_, domain_, services_);
  if (const auto* refusal = std::get_if<NodeRefusal>(&grant)) {
    count_login("other");
    return close(refusal->condition, refusal->text);
  }
  if (const auto* condition = std::get_if<xmpp::StanzaErrorCondition>(&grant)) {
    return send(iq.error_reply(*condition).to_string());
  }
  bind_session(std::get<xmpp::Jid>(std::move(grant)));
  xmpp::Stanza reply = iq.result_reply();
  xmpp::Element answer = reply.root().add_child("bind", xmpp::ns::bind);
  answer.add_child("jid", xmpp::ns::bind).set_text(session_->jid().str());
  send(reply.to_string());
}

void ClientStream::bind_session(xmpp::Jid jid) {
  session_ = std::make_unique<Session>(home_, services_.session, *this, std::move(jid));
  begin_session();
  count_login("ok");
  home_.counters.login_duration.observe(std::chrono::steady_clock::now() - accepted_at_);
}

void ClientStream::begin_session() {
  blocked_ = nullptr;
  parser_.set_limits(session_limits(services_.config));
  services_.sessions.fetch_add(1);
  phase_ = Phase::bound;
}

}  // namespace server
