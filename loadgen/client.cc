#include "loadgen/client.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "xmpp/namespaces.h"

namespace loadgen {
namespace {

constexpr Micros goodbye_limit{5'000'000};

std::string ack_xml(std::uint32_t handled) {
  return "<a xmlns='urn:xmpp:sm:3' h='" + std::to_string(handled) + "'/>";
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
  if (sm_on_) connection_.send(ack_xml(received_));
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
  if (settings_.login != LoginWay::steps && memory_.client_id.empty()) {
    memory_.client_id = random_uuid();
  }
  negotiation_ = std::make_unique<Negotiation>(settings_, account_, owner_.salted_keys(), memory_,
                                               settings_.register_accounts && !registered_,
                                               FormerSession{resume_id_, received_});
  if (settings_.tls.mode == TlsMode::direct) {
    return connection_.start_tls(owner_.ssl_context(), settings_.domain, settings_.tls.verify);
  }
  stage_ = Stage::negotiating;
  open_stream();
}

void Client::on_secured() {
  secured_ = true;
  negotiation_->on_secured(connection_.ssl());
  stage_ = Stage::negotiating;
  open_stream();
}

void Client::open_stream() {
  parser_.reset();
  connection_.send("<?xml version='1.0'?><stream:stream to='" + settings_.domain +
                   "' version='1.0' xmlns='jabber:client' "
                   "xmlns:stream='http://etherx.jabber.org/streams'>");
}

Ending Client::ending() const {
  if (stage_ == Stage::online) return Ending::forced;
  return stage_ == Stage::leaving ? Ending::wanted : Ending::failed;
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
        const bool was_secured = secured_;
        on_element(*parsed);
        // The element may have ended the connection, or put TLS under it: what follows in this
        // buffer belongs to neither.
        if (!connection_.is_open() || stage_ == Stage::resting || stage_ == Stage::away) return;
        if (stage_ == Stage::connecting || secured_ != was_secured) return;
        break;
      }
      case xmpp::StreamParser::Event::stream_close:
        if (stage_ != Stage::leaving) close_stream();
        connection_.flush();
        if (!connection_.is_open()) return;
        return end(ending(), reason_.empty() ? "stream closed by the server" : reason_);
      case xmpp::StreamParser::Event::error:
        return end(stage_ == Stage::online ? Ending::forced : Ending::failed,
                   "the server's stream is not XML as RFC 6120 allows: " +
                       std::string(parser_.error_reason()));
    }
  }
}

void Client::on_element(xmpp::Stanza& element) {
  const auto root = element.root();
  const auto name = root.name();
  if (root.ns() == xmpp::ns::client) {
    if (sm_on_ && element.kind() != xmpp::Stanza::Kind::other) ++received_;
    if (name == "message") return owner_.on_message(*this, element);
    const auto type = element.type();
    if (name == "iq" && (type == "get" || type == "set")) return answer(element);
    if (name == "iq" && stage_ == Stage::online) return owner_.on_answer(*this, element);
  }
  if (root.ns() == xmpp::ns::sm3) {
    if (name == "r") return connection_.send(ack_xml(received_));
    if (name == "a") return on_ack(root.attr("h"));
  }
  if (name == "error" && root.ns() == xmpp::ns::stream) return on_stream_error(element);
  if (stage_ == Stage::negotiating) carry_out(negotiation_->on_element(element));
}

void Client::carry_out(const NegotiationStep& step) {
  using Kind = NegotiationStep::Kind;
  registered_ = registered_ || negotiation_->has_registered();
  switch (step.kind) {
    case Kind::wait:
      return;
    case Kind::send:
      return connection_.send(step.text);
    case Kind::start_tls:
      return connection_.start_tls(owner_.ssl_context(), settings_.domain, settings_.tls.verify);
    case Kind::restart_stream:
      return open_stream();
    case Kind::online:
      give_up_session();
      sm_on_ = negotiation_->has_stream_management();
      resume_id_ = negotiation_->resume_id();
      acked_ = 0;
      received_ = 0;
      return go_online(false);
    case Kind::resumed:
      return resume(step.text);
    case Kind::failed:
      return end(Ending::failed, step.text);
  }
}

void Client::answer(xmpp::Stanza& request) {
  // RFC 6120 §8.2.3: each request is answered. A ping gets its pong, the rest is not ours.
  const bool is_ping = request.type() == "get" && request.root().child("ping", xmpp::ns::ping);
  const auto reply = is_ping ? request.result_reply()
                             : request.error_reply(xmpp::StanzaErrorCondition::service_unavailable);
  connection_.send(reply.to_string());
  if (sm_on_) track({.is_message = false});
}

void Client::resume(std::string_view handled) {
  sm_on_ = true;
  if (!take_count(handled)) {
    give_up_session();
    return end(Ending::failed, "the server resumed with a count of stanzas that were not sent");
  }
  std::vector<Outgoing> rest;
  for (const Outgoing& one : unacked_) rest.push_back(one);
  unacked_.clear();
  go_online(true);
  for (Outgoing& one : rest) {
    one.resumed = true;
    if (one.is_message) {
      write(one);
    } else {
      // Presence, or the answer to a ping, which nobody waits for any more.
      connection_.send("<presence/>");
      track(one);
    }
  }
  drain_outbox();
}

void Client::go_online(bool resumed) {
  negotiation_.reset();
  stage_ = Stage::online;
  tries_ = 0;
  reason_.clear();
  ack_waits_ = false;
  owner_.set_timer(*this, Micros::max());
  owner_.on_online(*this, owner_.now() - began_, resumed);
  if (resumed) return;
  connection_.send("<presence/>");
  if (sm_on_) track({.is_message = false});
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

bool Client::ask(const std::string& iq) {
  if (stage_ != Stage::online) return false;
  connection_.send(iq);
  if (sm_on_) track({.is_message = false});
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

bool Client::take_count(std::string_view handled) {
  std::uint32_t count = 0;
  const auto [rest, error] =
      std::from_chars(handled.data(), handled.data() + handled.size(), count);
  std::uint32_t fresh = count - acked_;  // Wraps at 2^32, as XEP-0198 §4 wants.
  if (error != std::errc() || rest != handled.data() + handled.size() || fresh > unacked_.size()) {
    return false;
  }
  acked_ = count;
  for (; fresh > 0; --fresh) {
    const Outgoing done = unacked_.front();
    unacked_.pop_front();
    if (done.is_message) owner_.on_acknowledged(done);
  }
  return true;
}

void Client::on_ack(std::string_view handled) {
  if (!take_count(handled)) {
    return end(Ending::forced, "the server acknowledged stanzas that were not sent");
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
  end(ending(), reason_);
}

void Client::on_closed(std::string_view reason) { end(ending(), reason); }

void Client::end(Ending ending, std::string_view reason) {
  const std::string why(reason);  // It may lie in what is cleared below.
  const bool was_online = stage_ == Stage::online || stage_ == Stage::leaving;
  const bool refused = stage_ == Stage::connecting;
  connection_.close();
  parser_.reset();
  negotiation_.reset();
  secured_ = false;
  if (was_online) offline_since_ = owner_.now();
  if (target_) {
    --target_->clients;
    if (refused) target_->avoid_until = (owner_.now() + Micros(1'000'000)).count();
  }
  if (!wanted_ || resume_id_.empty()) give_up_session();
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

void Client::give_up_session() {
  resume_id_.clear();
  std::vector<Outgoing> again;
  for (const Outgoing& one : unacked_) {
    if (!one.is_message) continue;
    if (!settings_.resend) {
      owner_.on_in_doubt(one);
      continue;
    }
    again.push_back(one);
    again.back().again = true;
    again.back().resumed = false;
  }
  unacked_.clear();
  outbox_.push_front(std::move(again));
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
