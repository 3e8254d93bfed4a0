#include "server/stream/client_stream.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>
#include <utility>

#include "server/log/log.h"
#include "xmpp/namespaces.h"
#include "xmpp/sasl/scram.h"
#include "xmpp/stanza_error.h"

namespace server {
namespace {

constexpr int sasl_failures_max = 3;    // Hardening, Limits: tries a stream.
constexpr std::size_t name_bytes = 16;  // 128 random bits: of a stream id, of a resource we make.
constexpr auto idle_check_slack = std::chrono::seconds(1);

std::string random_name() {
  static constexpr char digits[] = "0123456789abcdef";
  std::string name;
  for (const char byte : xmpp::random_bytes(name_bytes)) {
    name += digits[static_cast<unsigned char>(byte) >> 4];
    name += digits[byte & 15];
  }
  return name;
}

xmpp::StreamLimits login_limits(const Config& config) {
  xmpp::StreamLimits limits = xmpp::StreamLimits::before_login();
  limits.bytes_max = static_cast<std::uint32_t>(config.limits.login_stanza_bytes_max);
  return limits;
}

xmpp::StreamLimits session_limits(const Config& config) {
  xmpp::StreamLimits limits = xmpp::StreamLimits::after_login();
  limits.bytes_max = static_cast<std::uint32_t>(config.limits.stanza_bytes_max);
  return limits;
}

}  // namespace

ClientStream::ClientStream(RoutedLoop& home, StreamServices& services, asio::ip::tcp::socket socket,
                           Transport transport, std::function<void(ClientStream&)> ended)
    : home_(home),
      services_(services),
      connection_(std::make_shared<Connection>(home.loop, std::move(socket), *this, home.counters)),
      ended_(std::move(ended)),
      accepted_at_(std::chrono::steady_clock::now()),
      last_heard_(home.loop.now()),
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

void ClientStream::send(std::string xml) {
  connection_->send(std::make_shared<const std::string>(std::move(xml)));
}

bool ClientStream::write(std::shared_ptr<const std::string> bytes) {
  if (is_closing()) return false;
  if (connection_->queued_bytes() + bytes->size() > services_.config.limits.send_queue_bytes_max) {
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
  last_heard_ = home_.loop.now();
  is_pinged_ = false;
  while (phase_ != Phase::ended) {
    if (phase_ == Phase::tls_handshake) {
      // Hardening P6: what was sent before <proceed/> must never be taken for TLS-protected.
      if (!bytes.empty()) end("policy-violation");
      return;
    }
    if (phase_ == Phase::checking) {
      // RFC 6120 §6.4: the client has to wait for the outcome of its step.
      if (!bytes.empty()) fail(xmpp::StreamErrorCondition::policy_violation);
      return;
    }
    switch (parser_.next(bytes)) {
      case xmpp::StreamParser::Event::need_more:
        return;
      case xmpp::StreamParser::Event::stream_open:
        on_stream_header();
        break;
      case xmpp::StreamParser::Event::element:
        on_element(parser_.element());
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
  std::string xml =
      "<?xml version='1.0'?><stream:stream xmlns='jabber:client' "
      "xmlns:stream='http://etherx.jabber.org/streams' version='1.0' xml:lang='en' id='";
  xml += random_name();
  xml += '\'';
  if (!domain_.empty()) xml += " from='" + xmpp::escape_attr(domain_) + "'";
  xml += '>';
  send(std::move(xml));
}

void ClientStream::on_stream_header() {
  const xmpp::StreamHeader& header = parser_.header();
  header_sent_ = false;
  if (phase_ == Phase::bound) return fail(xmpp::StreamErrorCondition::policy_violation);
  if (header.default_ns != xmpp::ns::client) {
    return fail(xmpp::StreamErrorCondition::invalid_namespace);
  }
  if (header.version != "1.0" && !header.version.starts_with("1.")) {
    return fail(xmpp::StreamErrorCondition::unsupported_version);
  }
  if (header.to.empty()) return fail(xmpp::StreamErrorCondition::improper_addressing);
  const auto to = xmpp::Jid::parse(header.to);
  if (!to || to->has_local() || to->is_full() || !services_.session.router.serves(to->domain())) {
    return fail(xmpp::StreamErrorCondition::host_unknown);
  }
  // Hardening P9: a stream belongs to one host for all its life.
  if (!domain_.empty() && domain_ != to->domain()) {
    return fail(xmpp::StreamErrorCondition::not_authorized);
  }
  domain_ = std::string(to->domain());
  send_header();
  if (!local_.empty()) {
    phase_ = Phase::binding;
  } else if (!connection_->is_tls() && services_.config.c2s.tls_required) {
    phase_ = Phase::before_tls;
  } else {
    phase_ = Phase::authenticating;
  }
  send_features();
}

void ClientStream::send_features() {
  std::string xml = "<stream:features>";
  if (phase_ == Phase::binding) {
    xml +=
        "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>"
        "<session xmlns='urn:ietf:params:xml:ns:xmpp-session'><optional/></session>"
        "<sm xmlns='urn:xmpp:sm:3'><optional/></sm>";
  } else {
    if (!connection_->is_tls()) {
      xml += "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'>";
      if (services_.config.c2s.tls_required) xml += "<required/>";
      xml += "</starttls>";
    }
    if (phase_ == Phase::authenticating) {
      if (!sasl_) {
        sasl_ = std::make_shared<SaslNegotiation>(
            services_.config.c2s.mechanisms, domain_, services_.users, services_.hashing,
            services_.fake_salt_secret,
            ChannelBindings::of(connection_->ssl(), *services_.tls.load()));
      }
      xml += sasl_->features();
      if (services_.register_account) {
        xml += "<register xmlns='http://jabber.org/features/iq-register'/>";
      }
    }
  }
  xml += "</stream:features>";
  send(std::move(xml));
}

void ClientStream::on_element(std::string_view bytes) {
  if (phase_ == Phase::closing) {
    // The last acknowledgements of a client that was told to go: what they cover has arrived.
    auto element = xmpp::Stanza::parse(bytes);
    if (element && session_ && element->root().ns() == xmpp::ns::sm3 &&
        element->root().name() == "a") {
      session_->on_management(element->root());
    }
    return;
  }
  auto parsed = xmpp::Stanza::parse(bytes);
  if (!parsed) return fail(xmpp::StreamErrorCondition::not_well_formed);
  xmpp::Stanza element = *std::move(parsed);
  const std::string_view ns = element.root().ns();
  switch (phase_) {
    case Phase::before_tls:
      if (ns == xmpp::ns::tls && element.root().name() == "starttls") return on_starttls();
      if (ns == xmpp::ns::sasl) {
        // RFC 6120 §6.5.4: a login in clear is refused without looking at it.
        count_login("encryption-required");
        return send(
            "<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><encryption-required/></failure>");
      }
      if (ns == xmpp::ns::client) return fail(xmpp::StreamErrorCondition::not_authorized);
      return fail(xmpp::StreamErrorCondition::policy_violation);
    case Phase::authenticating:
      if (ns == xmpp::ns::sasl) return on_sasl(element);
      if (ns == xmpp::ns::tls && element.root().name() == "starttls" && !connection_->is_tls()) {
        return on_starttls();
      }
      if (services_.register_account && element.kind() == xmpp::Stanza::Kind::iq) {
        return on_registration(element);
      }
      if (ns == xmpp::ns::client) return fail(xmpp::StreamErrorCondition::not_authorized);
      return fail(xmpp::StreamErrorCondition::policy_violation);
    case Phase::binding:
      return on_before_bind(element);
    case Phase::bound:
      return on_bound(std::move(element));
    default:
      return fail(xmpp::StreamErrorCondition::policy_violation);
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

void ClientStream::on_sasl(const xmpp::Stanza& element) {
  const xmpp::Element root = element.root();
  SaslStep step;
  if (root.name() == "auth") {
    step = {SaslStep::Kind::auth, std::string(root.attr("mechanism")), std::string(root.text())};
  } else if (root.name() == "response") {
    step = {SaslStep::Kind::response, {}, std::string(root.text())};
  } else if (root.name() == "abort") {
    step = {SaslStep::Kind::abort, {}, {}};
  } else {
    return fail(xmpp::StreamErrorCondition::policy_violation);
  }
  phase_ = Phase::checking;
  asio::co_spawn(home_.loop.context(), run_sasl(sasl_, std::move(step)),
                 [self = shared_from_this()](std::exception_ptr error) {
                   if (!error || self->phase_ != Phase::checking) return;
                   log::event(log::Level::error, "stream", "sasl_failed_unexpectedly");
                   self->fail(xmpp::StreamErrorCondition::internal_server_error);
                 });
}

asio::awaitable<void> ClientStream::run_sasl(std::shared_ptr<SaslNegotiation> sasl, SaslStep step) {
  auto self = shared_from_this();
  if (step.kind == SaslStep::Kind::auth) {
    const auto wait = services_.login_pacer.reserve(std::chrono::steady_clock::now());
    if (wait.count() > 0) {
      asio::steady_timer timer(home_.loop.context(), wait);
      co_await timer.async_wait(asio::use_awaitable);
      if (phase_ != Phase::checking) co_return;  // The client has gone, or its time was up.
    }
  }
  SaslOutcome outcome = co_await sasl->take(std::move(step));
  if (phase_ == Phase::checking) on_sasl_outcome(std::move(outcome));
}

void ClientStream::on_sasl_outcome(SaslOutcome outcome) {
  phase_ = Phase::authenticating;
  switch (outcome.kind) {
    case SaslOutcome::Kind::challenge:
      return send("<challenge xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>" + outcome.payload +
                  "</challenge>");
    case SaslOutcome::Kind::success:
      local_ = std::move(outcome.local);
      send("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>" + outcome.payload + "</success>");
      sasl_.reset();
      // RFC 6120 §6.4.6: a new stream over the same connection.
      parser_.reset();
      phase_ = Phase::opening;
      return;
    case SaslOutcome::Kind::failure:
      count_login(outcome.payload);
      send("<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><" + outcome.payload +
           "/></failure>");
      if (++sasl_failures_ >= sasl_failures_max) {
        fail(xmpp::StreamErrorCondition::policy_violation, "too many failed logins");
      }
      return;
  }
}

void ClientStream::on_registration(const xmpp::Stanza& iq) {
  services_.register_account(
      iq, domain_,
      [self = shared_from_this()](const xmpp::Stanza& reply) {
        if (!self->is_closing()) self->send(reply.to_string());
      },
      home_.loop.context().get_executor());
}

void ClientStream::on_before_bind(const xmpp::Stanza& element) {
  // XEP-0198 without resumption: a stream that wants its former session back gets a new one.
  if (element.root().ns() == xmpp::ns::sm3) {
    return send(
        "<failed xmlns='urn:xmpp:sm:3'><unexpected-request "
        "xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>");
  }
  if (element.kind() == xmpp::Stanza::Kind::iq && element.type() == "set" &&
      element.root().child("bind", xmpp::ns::bind)) {
    return bind(element);
  }
  fail(xmpp::StreamErrorCondition::not_authorized);  // RFC 6120 §7.1
}

void ClientStream::bind(const xmpp::Stanza& iq) {
  if (!services_.accepts_sessions.load()) {
    count_login("other");
    return close(xmpp::StreamErrorCondition::system_shutdown, "this node takes no new sessions");
  }
  if (services_.sessions.load() >= services_.config.limits.sessions_max) {
    count_login("other");
    return close(xmpp::StreamErrorCondition::resource_constraint, "this node is full");
  }
  const xmpp::Element asked =
      iq.root().child("bind", xmpp::ns::bind).child("resource", xmpp::ns::bind);
  std::string resource(asked ? asked.text() : std::string());
  if (resource.empty()) resource = random_name();
  auto jid = xmpp::Jid::make(local_, domain_, resource);
  if (!jid) {
    return send(iq.error_reply(xmpp::StanzaErrorCondition::bad_request).to_string());
  }
  // Hardening, Limits: resources an account, in the cluster. A full JID that is bound already
  // counts as the one that it replaces.
  const auto others = services_.session.directory.find_all(jid->bare_str());
  std::size_t count = 0;
  for (const auto& entry : others) count += entry.resource != jid->resource() ? 1 : 0;
  if (count >= services_.config.limits.resources_max) {
    return send(iq.error_reply(xmpp::StanzaErrorCondition::resource_constraint).to_string());
  }
  parser_.set_limits(session_limits(services_.config));
  session_ = std::make_unique<Session>(home_, services_.session, *this, *std::move(jid));
  services_.sessions.fetch_add(1);
  phase_ = Phase::bound;
  xmpp::Stanza reply = iq.result_reply();
  xmpp::Element answer = reply.root().add_child("bind", xmpp::ns::bind);
  answer.add_child("jid", xmpp::ns::bind).set_text(session_->jid().str());
  send(reply.to_string());
  count_login("ok");
  home_.counters.login_duration.observe(std::chrono::steady_clock::now() - accepted_at_);
}

void ClientStream::on_bound(xmpp::Stanza element) {
  if (session_->on_management(element.root())) return;
  if (element.kind() == xmpp::Stanza::Kind::other || element.root().ns() != xmpp::ns::client) {
    return fail(xmpp::StreamErrorCondition::unsupported_stanza_type);
  }
  session_->on_stanza(std::move(element));
}

void ClientStream::fail(xmpp::StreamErrorCondition condition, std::string_view text) {
  close(condition, text);
}

void ClientStream::close(xmpp::StreamErrorCondition condition, std::string_view text,
                         std::string_view application_xml) {
  if (is_closing()) return;
  if (phase_ == Phase::tls_handshake) return end(xmpp::name(condition));
  close_reason_ = xmpp::name(condition);
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
  if (session_) session_->leave();
}

void ClientStream::on_disconnected(boost::system::error_code) {
  auto self = shared_from_this();
  end(close_reason_.empty() ? "lost" : close_reason_);
}

void ClientStream::end_session() {
  if (!session_) return;
  services_.sessions.fetch_sub(1);
  session_.reset();  // Leaves, and routes anew what was not acknowledged.
}

void ClientStream::end(std::string_view reason) {
  if (phase_ == Phase::ended) return;
  phase_ = Phase::ended;
  home_.counters.streams_closed.add(reason.empty() ? "other" : reason);
  end_session();
  if (client_closed_) {
    connection_->close_after_flush();
  } else {
    connection_->close();
  }
  ended_(*this);
}

void ClientStream::count_login(std::string_view reason) { home_.counters.logins.add(reason); }

void ClientStream::on_tick() {
  auto self = shared_from_this();
  const auto now = home_.loop.now();
  if (phase_ == Phase::bound) {
    const auto& c2s = services_.config.c2s;
    if (connection_->queued_bytes() > 0 &&
        now - connection_->write_progress_at() > services_.config.limits.write_timeout) {
      return end("connection-timeout");
    }
    if (c2s.ping_interval.count() == 0) return;
    const auto silence = now - last_heard_;
    if (silence > c2s.ping_interval + c2s.ping_timeout + idle_check_slack) {
      close(xmpp::StreamErrorCondition::connection_timeout);
    } else if (silence > c2s.ping_interval && !std::exchange(is_pinged_, true)) {
      session_->ping();
    }
    return;
  }
  if (now < deadline_) return;
  if (phase_ == Phase::closing || phase_ == Phase::tls_handshake) {
    return end(close_reason_.empty() ? "connection-timeout" : close_reason_);
  }
  count_login("timeout");
  close(xmpp::StreamErrorCondition::connection_timeout);  // Hardening P3.
}

}  // namespace server
