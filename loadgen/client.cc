#include "loadgen/client.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "xmpp/namespaces.h"
#include "xmpp/sasl/channel_binding.h"

namespace loadgen {
namespace {

constexpr Micros goodbye_limit{5'000'000};
constexpr std::string_view resource = "load";

/// `<condition/>` inside an error, whatever namespace it says.
std::string condition_of(const xmpp::Element& error) {
  const auto first = error.first_child();
  return first ? std::string(first.name()) : std::string("undefined-condition");
}

}  // namespace

Client::Client(Poller& poller, ClientOwner& owner, const ClientSettings& settings,
               std::uint32_t index, Account account)
    : poller_(poller),
      owner_(owner),
      settings_(settings),
      account_(std::move(account)),
      connection_(poller, *this),
      parser_(xmpp::StreamLimits::server()),
      index_(index) {}

Client::~Client() {
  if (target_) --target_->clients;
}

void Client::enter() {
  wanted_ = true;
  if (stage_ == Stage::away) {
    tries_ = 0;
    offline_since_ = owner_.now();
    start();
  }
}

void Client::leave() {
  wanted_ = false;
  if (stage_ == Stage::away || stage_ == Stage::leaving) return;
  if (stage_ != Stage::online) return end(Ending::wanted, "left");
  stage_ = Stage::leaving;
  // A last count both ways: then neither side has to guess what the other took.
  connection_.send("<presence type='unavailable'/>");
  if (sm_on_) unacked_.push_back({.is_message = false});
  if (sm_on_) connection_.send("<r xmlns='urn:xmpp:sm:3'/>");
  close_stream();
  owner_.set_timer(*this, owner_.now() + goodbye_limit);
}

void Client::close_stream() {
  if (sm_on_) {
    connection_.send("<a xmlns='urn:xmpp:sm:3' h='" + std::to_string(received_) + "'/>");
  }
  connection_.send("</stream:stream>");
}

void Client::drop() {
  if (stage_ == Stage::away || stage_ == Stage::resting) return;
  end(Ending::wanted, "cut on purpose");
}

void Client::start() {
  began_ = owner_.now();
  ++tries_;
  if (!redirect_.empty()) {
    target_ = owner_.find_target(redirect_);
    redirect_.clear();
    if (target_) ++target_->clients;
  }
  if (!target_) target_ = owner_.choose_target(*this);
  stage_ = Stage::connecting;
  if (!target_) return end(Ending::failed, "no server accepts logins");
  const Endpoint none;
  const Endpoint& source =
      settings_.sources.empty() ? none : settings_.sources[index_ % settings_.sources.size()];
  const auto opened = connection_.open(target_->endpoint, source);
  if (opened.has_error()) return end(Ending::failed, opened.error().text);
  owner_.set_timer(*this, began_ + settings_.login_limit);
}

void Client::on_connected() {
  if (settings_.tls.mode == TlsMode::direct) {
    return connection_.start_tls(owner_.ssl_context(), settings_.domain, settings_.tls.verify);
  }
  stage_ = Stage::features;
  open_stream();
}

void Client::on_secured() {
  secured_ = true;
  stage_ = Stage::features;
  open_stream();
}

void Client::open_stream() {
  parser_.reset();
  connection_.send("<?xml version='1.0'?><stream:stream to='" + settings_.domain +
                   "' version='1.0' xmlns='jabber:client' "
                   "xmlns:stream='http://etherx.jabber.org/streams'>");
}

void Client::on_bytes(std::string_view bytes) {
  while (true) {
    switch (parser_.next(bytes)) {
      case xmpp::StreamParser::Event::need_more:
      case xmpp::StreamParser::Event::stream_open:
        if (bytes.empty()) return;
        break;
      case xmpp::StreamParser::Event::element: {
        auto parsed = xmpp::Stanza::parse(parser_.element());
        if (parsed.has_error()) {
          return end(stage_ == Stage::online ? Ending::forced : Ending::failed,
                     "the server sent XML that does not parse");
        }
        const auto before = stage_;
        const std::string name(parsed->root().name());
        const std::string ns(parsed->root().ns());
        on_element(*parsed, name, ns);
        // The element may have ended the connection, or restarted the stream on it: what follows
        // in this buffer belongs to neither.
        if (!connection_.is_open() || stage_ == Stage::resting || stage_ == Stage::away) return;
        if (stage_ == Stage::connecting || (before == Stage::starttls && secured_)) return;
        break;
      }
      case xmpp::StreamParser::Event::stream_close:
        if (stage_ != Stage::leaving) close_stream();
        connection_.flush();
        if (!connection_.is_open()) return;
        return end(stage_ == Stage::leaving  ? Ending::wanted
                   : stage_ == Stage::online ? Ending::forced
                                             : Ending::failed,
                   reason_.empty() ? "stream closed by the server" : reason_);
      case xmpp::StreamParser::Event::error:
        return end(stage_ == Stage::online ? Ending::forced : Ending::failed,
                   "the server's stream is not XML as RFC 6120 allows: " +
                       std::string(parser_.error_reason()));
    }
  }
}

void Client::on_element(xmpp::Stanza& element, std::string_view name, std::string_view ns) {
  if (ns == xmpp::ns::client) {
    if (sm_on_ && (name == "message" || name == "presence" || name == "iq")) ++received_;
    if (name == "message") return owner_.on_message(*this, element);
    if (name == "iq") return on_iq(element);
    return;
  }
  if (ns == xmpp::ns::sm3) {
    if (name == "r") {
      connection_.send("<a xmlns='urn:xmpp:sm:3' h='" + std::to_string(received_) + "'/>");
    } else if (name == "a") {
      on_ack(element.root().attr("h"));
    } else if (name == "enabled") {
      sm_on_ = true;
      acked_ = 0;
      received_ = 0;
      go_online();
    } else if (name == "failed" && stage_ == Stage::enabling) {
      go_online();
    }
    return;
  }
  if (name == "features" && ns == xmpp::ns::stream) return on_features(element);
  if (name == "error" && ns == xmpp::ns::stream) return on_stream_error(element);
  if (ns == xmpp::ns::tls) {
    if (name == "proceed" && stage_ == Stage::starttls) {
      return connection_.start_tls(owner_.ssl_context(), settings_.domain, settings_.tls.verify);
    }
    return end(Ending::failed, "the server refused STARTTLS");
  }
  if (ns == xmpp::ns::sasl && login_) {
    const auto condition = name == "failure" ? condition_of(element.root()) : std::string();
    return login_step(login_->on_element(name, element.root().text(), condition));
  }
}

void Client::on_features(xmpp::Stanza& features) {
  auto root = features.root();
  if (stage_ == Stage::binding) return bind(features);
  if (stage_ != Stage::features) return;
  if (!secured_ && settings_.tls.mode == TlsMode::starttls) {
    if (!root.child("starttls", xmpp::ns::tls)) {
      return end(Ending::failed, "the server offers no STARTTLS; use --tls=off to go without");
    }
    stage_ = Stage::starttls;
    return connection_.send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
  }
  LoginOffer offer;
  for (const auto one : xmpp::children(root.child("mechanisms", xmpp::ns::sasl))) {
    offer.mechanisms.push_back(one.text());
  }
  const auto bindings = root.child("sasl-channel-binding", xmpp::ns::sasl_channel_binding);
  for (const auto one : xmpp::children(bindings)) {
    if (one.attr("type") == xmpp::tls_exporter) offer.tls_exporter = true;
  }
  offer.ssl = connection_.ssl();
  login_ =
      start_login(settings_.auth, offer, account_.user, account_.password, owner_.salted_keys());
  if (!login_) {
    return end(Ending::failed, "the server offers no SASL mechanism that --auth allows");
  }
  if (settings_.register_accounts && !registered_) return begin_register();
  begin_login();
}

void Client::begin_register() {
  stage_ = Stage::registering;
  connection_.send("<iq type='set' id='register'><query xmlns='jabber:iq:register'><username>" +
                   xmpp::escape_text(account_.user) + "</username><password>" +
                   xmpp::escape_text(account_.password) + "</password></query></iq>");
}

void Client::begin_login() {
  stage_ = Stage::login;
  connection_.send(login_->first());
}

void Client::login_step(const LoginStep& step) {
  switch (step.kind) {
    case LoginStep::Kind::send:
      return connection_.send(step.text);
    case LoginStep::Kind::failure:
      return end(Ending::failed, "login refused: " + step.text);
    case LoginStep::Kind::success:
      login_.reset();
      stage_ = Stage::binding;
      return open_stream();
  }
}

void Client::bind(xmpp::Stanza& features) {
  auto root = features.root();
  sm_offered_ = static_cast<bool>(root.child("sm", xmpp::ns::sm3));
  const auto session = root.child("session", xmpp::ns::session);
  session_needed_ = session && !session.child("optional", xmpp::ns::session);
  connection_.send(
      "<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>" +
      std::string(resource) + "</resource></bind></iq>");
}

void Client::on_iq(xmpp::Stanza& iq) {
  const std::string id(iq.id());
  const auto type = iq.type();
  if (type == "get" || type == "set") {
    // RFC 6120 §8.2.3: each request is answered. A ping gets its pong, the rest is not ours.
    if (type == "get" && iq.root().child("ping", xmpp::ns::ping)) {
      connection_.send(iq.result_reply().to_string());
    } else {
      connection_.send(iq.error_reply(xmpp::StanzaErrorCondition::service_unavailable).to_string());
    }
    if (sm_on_) track({.is_message = false});
    return;
  }
  const bool failed = type == "error";
  std::string why;
  if (failed) {
    const auto error = iq.root().child("error", xmpp::ns::client);
    why = error ? condition_of(error) : "no reason given";
  }
  if (id == "register" && stage_ == Stage::registering) {
    // It exists already: that is as good.
    if (failed && why != "conflict") return end(Ending::failed, "registration refused: " + why);
    registered_ = true;
    return begin_login();
  }
  if (id == "bind" && stage_ == Stage::binding) {
    if (failed) return end(Ending::failed, "bind refused: " + why);
    return after_bind();
  }
  if (id == "session" && stage_ == Stage::session) {
    session_needed_ = false;
    return after_bind();
  }
}

void Client::after_bind() {
  if (session_needed_) {
    stage_ = Stage::session;
    return connection_.send(
        "<iq type='set' id='session'>"
        "<session xmlns='urn:ietf:params:xml:ns:xmpp-session'/></iq>");
  }
  if (settings_.stream_management && sm_offered_) {
    stage_ = Stage::enabling;
    return connection_.send("<enable xmlns='urn:xmpp:sm:3'/>");
  }
  go_online();
}

void Client::go_online() {
  stage_ = Stage::online;
  tries_ = 0;
  reason_.clear();
  ack_waits_ = false;
  owner_.set_timer(*this, Micros::max());
  connection_.send("<presence/>");
  if (sm_on_) track({.is_message = false});
  owner_.on_online(*this, owner_.now() - began_);
  drain_outbox();
}

void Client::track(Outgoing outgoing) {
  unacked_.push_back(outgoing);
  request_ack();
}

bool Client::send(const Outgoing& message) {
  if (stage_ == Stage::online && outbox_.empty() && unacked_.size() < settings_.unacked_max) {
    write(message);
    return true;
  }
  if (outbox_.size() >= settings_.outbox_max) return false;
  outbox_.push_back(message);
  return true;
}

void Client::write(const Outgoing& message) {
  // One string a thread: what it grew to is used by the next client.
  thread_local std::string xml;
  xml.clear();
  owner_.write_message(message, xml);
  connection_.send(xml);
  if (sm_on_) track(message);
}

void Client::drain_outbox() {
  while (stage_ == Stage::online && !outbox_.empty() && unacked_.size() < settings_.unacked_max) {
    const Outgoing message = outbox_.front();
    outbox_.pop_front();
    write(message);
  }
}

void Client::request_ack() {
  if (!sm_on_ || ack_waits_ || stage_ != Stage::online) return;
  ack_waits_ = true;
  ack_asked_ = owner_.now();
  connection_.send("<r xmlns='urn:xmpp:sm:3'/>");
  owner_.set_timer(*this, ack_asked_ + settings_.ack_limit);
}

void Client::on_ack(std::string_view handled) {
  std::uint32_t count = 0;
  const auto [rest, error] =
      std::from_chars(handled.data(), handled.data() + handled.size(), count);
  std::uint32_t fresh = count - acked_;  // Wraps at 2^32, as XEP-0198 §4 wants.
  if (error != std::errc() || rest != handled.data() + handled.size() || fresh > unacked_.size()) {
    return end(Ending::forced, "the server acknowledged stanzas that were not sent");
  }
  acked_ = count;
  for (; fresh > 0; --fresh) {
    const Outgoing done = unacked_.front();
    unacked_.pop_front();
    if (done.is_message) owner_.on_acknowledged(done);
  }
  ack_waits_ = false;
  if (stage_ != Stage::online) return;
  drain_outbox();
  if (!unacked_.empty()) request_ack();
}

void Client::on_stream_error(xmpp::Stanza& error) {
  const auto root = error.root();
  reason_ = "stream error: " + condition_of(root);
  if (const auto other = root.child("see-other-host", xmpp::ns::stream_errors)) {
    redirect_ = other.text();  // RFC 6120 §4.9.3.19
  }
  // What we received is told before the connection goes: a server that drains may still read it,
  // and then bounces or stores nothing that has arrived. Its closing tag is not waited for.
  if (stage_ != Stage::leaving) close_stream();
  connection_.flush();
  if (!connection_.is_open()) return;
  end(stage_ == Stage::online    ? Ending::forced
      : stage_ == Stage::leaving ? Ending::wanted
                                 : Ending::failed,
      reason_);
}

void Client::on_closed(std::string_view reason) {
  end(stage_ == Stage::online    ? Ending::forced
      : stage_ == Stage::leaving ? Ending::wanted
                                 : Ending::failed,
      reason);
}

void Client::end(Ending ending, std::string_view reason) {
  const std::string why(reason);  // It may lie in what is cleared below.
  const bool was_online = stage_ == Stage::online || stage_ == Stage::leaving;
  const bool refused = stage_ == Stage::connecting;
  connection_.close();
  parser_.reset();
  login_.reset();
  secured_ = false;
  if (was_online) offline_since_ = owner_.now();
  if (target_) {
    --target_->clients;
    if (refused) target_->avoid_until = (owner_.now() + Micros(1'000'000)).count();
  }
  std::vector<Outgoing> again;
  for (const Outgoing& one : unacked_) {
    if (!one.is_message) continue;
    if (!settings_.resend) {
      owner_.on_in_doubt(one);
      continue;
    }
    again.push_back(one);
    again.back().again = true;
  }
  unacked_.clear();
  outbox_.push_front(std::move(again));
  owner_.on_ended(*this, ending, why);
  sm_on_ = false;
  reason_.clear();
  target_.reset();
  if (!wanted_) {
    stage_ = Stage::away;
    return owner_.set_timer(*this, Micros::max());
  }
  stage_ = Stage::resting;
  // Jitter to 50..100 % of a wait that doubles, so that a crowd does not come back as one.
  const auto doubled = settings_.backoff.low.count() << std::clamp(tries_, 0, 20);
  const auto longest = std::min(doubled, settings_.backoff.high.count());
  std::uniform_int_distribution<std::int64_t> jitter(longest / 2, longest);
  owner_.set_timer(*this, owner_.now() + Micros(redirect_.empty() ? jitter(owner_.random()) : 0));
}

void Client::on_timer() {
  switch (stage_) {
    case Stage::away:
      return;
    case Stage::resting:
      return start();
    case Stage::online:
      if (!ack_waits_) return;
      if (owner_.now() >= ack_asked_ + settings_.ack_limit) {
        return end(Ending::forced, "no acknowledgement: the connection is taken for dead");
      }
      return owner_.set_timer(*this, ack_asked_ + settings_.ack_limit);
    case Stage::leaving:
      return end(Ending::wanted, "left");
    default:
      return end(Ending::failed, "no session within the login limit");
  }
}

void Client::visit_open(const std::function<void(const Outgoing&)>& visit) const {
  for (const Outgoing& one : unacked_) visit(one);
  for (const Outgoing& one : outbox_) visit(one);
}

}  // namespace loadgen
