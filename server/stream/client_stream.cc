#include "server/stream/client_stream.h"

#include <utility>

#include "xmpp/namespaces.h"
#include "xmpp/stanza_error.h"

namespace server {
namespace {

xmpp::StreamLimits login_limits(const Config& config) {
  xmpp::StreamLimits limits = xmpp::StreamLimits::before_login();
  limits.bytes_max = static_cast<std::uint32_t>(config.limits.login_stanza_bytes_max);
  return limits;
}

}  // namespace

ClientStream::ClientStream(RoutedLoop& home, StreamServices& services, Descriptor socket,
                           Transport transport, std::function<void(ClientStream&)> ended)
    : home_(home),
      services_(services),
      connection_(std::make_shared<Connection>(home.loop, std::move(socket), *this, home.counters)),
      ended_(std::move(ended)),
      accepted_at_(std::chrono::steady_clock::now()),
      idle_(home.loop.now()),
      is_direct_tls_(transport == Transport::direct_tls) {
  parser_.set_limits(login_limits(services_.config));
  deadline_ = accepted_at_ + (is_direct_tls_ ? services_.config.limits.tls_handshake_timeout
                                             : services_.config.limits.login_timeout);
}

ClientStream::~ClientStream() = default;

void ClientStream::start() {
  if (!is_direct_tls_) return connection_->start();
  phase_ = Phase::tls_handshake;
  connection_->start_tls(*services_.tls.load());
}

bool ClientStream::write(xmpp::SharedText bytes) {
  if (is_closing()) return false;
  if (connection_->queued_bytes() + bytes.size() > services_.config.limits.send_queue_bytes_max) {
    // Hardening E2: a client that does not read is not waited for, and an error in its queue would
    // not reach it either. The end comes through the mailbox: the session is on the stack.
    phase_ = Phase::closing;
    close_reason_ = xmpp::name(xmpp::StreamErrorCondition::policy_violation);
    if (session_) session_->leave();
    home_.loop.post([self = shared_from_this()] { self->end(self->close_reason_); });
    return false;
  }
  connection_->send(std::move(bytes));
  return true;
}

void ClientStream::on_bytes(std::string_view bytes) {
  auto self = shared_from_this();
  idle_.heard(home_.loop.now());
  while (phase_ != Phase::ended) {
    if (phase_ == Phase::tls_handshake) {
      // Hardening P6: what was sent before <proceed/> must never be taken for TLS-protected.
      if (!bytes.empty()) end("policy-violation");
      return;
    }
    if (phase_ == Phase::checking || phase_ == Phase::resuming) {
      // RFC 6120 §6.4, XEP-0198 §5: the client has to wait for the outcome of its step.
      if (!bytes.empty()) close(xmpp::StreamErrorCondition::policy_violation);
      return;
    }
    xmpp::StanzaHead head;
    switch (parser_.next(bytes, head)) {
      case xmpp::StreamParser::Event::need_more:
        return;
      case xmpp::StreamParser::Event::stream_open:
        on_stream_header();
        break;
      case xmpp::StreamParser::Event::element:
        if (phase_ == Phase::bound && head.kind == xmpp::StanzaKind::message) {
          session_->on_message(parser_.element(), head);
        } else {
          on_element(parser_.element());
        }
        break;
      case xmpp::StreamParser::Event::stream_close:
        client_closed_ = true;
        if (phase_ != Phase::closing) {
          close_reason_ = "closed";
          if (session_) session_->send_ack();
          close_stream();
        }
        return end(close_reason_);
      case xmpp::StreamParser::Event::error:
        if (phase_ == Phase::closing) return end(close_reason_);
        close(parser_.error(), {}, parser_.error_detail());
        return;
    }
  }
}

void ClientStream::send_header() {
  header_sent_ = true;
  send(header_xml(domain_));
}

void ClientStream::on_stream_header() {
  header_sent_ = false;
  if (phase_ == Phase::bound) return close(xmpp::StreamErrorCondition::policy_violation);
  auto domain = opened_domain(parser_.header(), domain_, [this](std::string_view asked) {
    return services_.session.router.serves(asked);
  });
  if (!domain) return close(domain.error());
  domain_ = *std::move(domain);
  send_header();
  send(features_xml(local_.empty() ? offer_login() : offer_session()));
}

Features ClientStream::offer_session() {
  phase_ = Phase::binding;
  return {.bind = true, .acks = true, .session = true};
}

Features ClientStream::offer_login() {
  using Starttls = Features::Starttls;
  const bool is_tls = connection_->is_tls();
  if (!is_tls && services_.config.c2s.tls_required) {
    phase_ = Phase::before_tls;
    return {.starttls = Starttls::required};
  }
  phase_ = Phase::authenticating;
  if (!sasl_) {
    sasl_ = std::make_shared<SaslNegotiation>(
        SaslSetting{.mechanisms = services_.config.c2s.mechanisms,
                    .domain = domain_,
                    .from = parser_.header().from,
                    .users = services_.users,
                    .tokens = services_.tokens,
                    .hashing = services_.hashing,
                    .fake_salt_secret = services_.fake_salt_secret,
                    .bindings = ChannelBindings::of(connection_->ssl(), *services_.tls.load())});
  }
  return {.starttls = is_tls ? Starttls::no : Starttls::optional,
          .sasl = sasl_->features(),
          .registration = services_.register_account != nullptr};
}

void ClientStream::on_element(std::string_view bytes) {
  auto parsed = xmpp::Stanza::parse(bytes);
  if (!parsed) return close(xmpp::StreamErrorCondition::not_well_formed);
  xmpp::Stanza element = *std::move(parsed);
  const auto step = step_of(
      phase_, element,
      {.starttls = !connection_->is_tls(), .registration = services_.register_account != nullptr});
  if (!step) return close(step.error());
  switch (*step) {
    case StreamStep::start_tls:
      return on_starttls();
    case StreamStep::refuse_login_in_clear:
      return refuse_login_in_clear(element.root());
    case StreamStep::login:
      return on_sasl(element);
    case StreamStep::registration:
      return on_registration(element);
    case StreamStep::refuse_acknowledgements:
      return send(
          "<failed xmlns='urn:xmpp:sm:3'><unexpected-request "
          "xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>");
    case StreamStep::bind:
      return bind(element);
    case StreamStep::resume:
      return resume(element.root().attr("previd"), element.root().attr("h"));
    case StreamStep::acknowledgements:
      if (session_) session_->on_management(element.root());
      return;
    case StreamStep::client_state:
      if (session_->on_client_state(element.root())) return;
      return close(xmpp::StreamErrorCondition::unsupported_stanza_type);
    case StreamStep::stanza:
      return session_->on_stanza(std::move(element));
    case StreamStep::ignore:
      return;
  }
}

void ClientStream::on_starttls() {
  phase_ = Phase::tls_handshake;
  deadline_ = home_.loop.now() + services_.config.limits.tls_handshake_timeout;
  send("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
  // RFC 6120 §5.4.3.3: nothing that was learnt in clear is kept.
  parser_.reset();
  domain_.clear();
  sasl_.reset();
  connection_->start_tls(*services_.tls.load());
}

void ClientStream::on_tls_established() {
  phase_ = Phase::opening;
  deadline_ = accepted_at_ + services_.config.limits.login_timeout;
}

void ClientStream::on_registration(const xmpp::Stanza& iq) {
  services_.register_account(
      iq, domain_,
      [self = shared_from_this()](const xmpp::Stanza& reply) {
        if (!self->is_closing()) self->send(reply.to_string());
      },
      home_.loop.executor());
}

void ClientStream::close(xmpp::StreamErrorCondition condition, std::string_view text,
                         std::string_view application_xml) {
  if (is_closing()) return;
  if (phase_ == Phase::tls_handshake) return end(xmpp::name(condition));
  close_reason_ = xmpp::name(condition);
  // Who is silent may be on a bad network, and come back.
  if (condition == xmpp::StreamErrorCondition::connection_timeout) keeps_session_ = is_resumable();
  if (!header_sent_) send_header();  // RFC 6120 §4.9.1.2
  if (session_) {
    // The client learns what was handled, so that it sends the rest again elsewhere; and it is
    // asked what it got, so that the rest is routed anew.
    session_->send_ack();
    session_->request_ack();
  }
  send(xmpp::stream_error_xml(condition, text, application_xml));
  close_stream();
}

void ClientStream::close_stream() {
  if (is_closing()) return;
  send("</stream:stream>");
  phase_ = Phase::closing;
  deadline_ = home_.loop.now() + services_.config.limits.close_timeout;
  if (session_ && !keeps_session_) session_->leave();
}

void ClientStream::on_disconnected(boost::system::error_code) {
  auto self = shared_from_this();
  end(close_reason_.empty() ? "lost" : close_reason_);
}

void ClientStream::end(std::string_view reason) {
  if (phase_ == Phase::ended) return;
  // The client has not said that it is done, nor done what ends a session.
  if (phase_ == Phase::bound) keeps_session_ = is_resumable();
  phase_ = Phase::ended;
  home_.counters.streams_closed.add(reason.empty() ? "other" : reason);
  if (session_ && keeps_session_) {
    detach_session();
  } else if (session_) {
    services_.sessions.fetch_sub(1);
    session_.reset();  // Leaves, and routes anew what was not acknowledged.
  }
  if (client_closed_) {
    connection_->close_after_flush();
  } else {
    connection_->close();
  }
  ended_(*this);
}

void ClientStream::on_tick() {
  auto self = shared_from_this();
  const auto now = home_.loop.now();
  if (phase_ == Phase::bound) {
    if (connection_->queued_bytes() > 0 &&
        now - connection_->write_progress_at() > services_.config.limits.write_timeout) {
      return end("connection-timeout");
    }
    const auto& c2s = services_.config.c2s;
    switch (idle_.look(now, c2s.ping_interval, c2s.ping_timeout)) {
      case IdleWatch::Verdict::gone:
        return close(xmpp::StreamErrorCondition::connection_timeout);
      case IdleWatch::Verdict::ask:
        return session_->ping();
      case IdleWatch::Verdict::fine:
        return;
    }
  }
  if (now < deadline_) return;
  if (phase_ == Phase::closing || phase_ == Phase::tls_handshake) {
    return end(close_reason_.empty() ? "connection-timeout" : close_reason_);
  }
  count_login("timeout");
  close(xmpp::StreamErrorCondition::connection_timeout);  // Hardening P3.
}

}  // namespace server
