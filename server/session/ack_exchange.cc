#include "server/session/ack_exchange.h"

#include <algorithm>
#include <charconv>
#include <memory>
#include <string>
#include <utility>

#include "xmpp/namespaces.h"

namespace server {
namespace {

// A client is asked to acknowledge after so many stanzas; XEP-0198 leaves the pace to us.
constexpr std::uint32_t stanzas_per_request = 16;

// A client that sends faster than its recipients and the database take waits in TCP.
constexpr std::size_t unsettled_max = 500;

}  // namespace

void AckExchange::wait_for(std::uint64_t number) {
  unsettled_.push_back({.number = number, .place = handled_});
  if (unsettled_.size() < unsettled_max || is_paused_) return;
  is_paused_ = true;
  output_->pause();
}

void AckExchange::on_settled(std::uint64_t number) {
  const auto found = std::ranges::lower_bound(unsettled_, number, {}, &Unsettled::number);
  if (found == unsettled_.end() || found->number != number) return;
  found->is_settled = true;
  while (!unsettled_.empty() && unsettled_.front().is_settled) unsettled_.pop_front();
  if (is_paused_ && unsettled_.size() <= unsettled_max / 2) {
    is_paused_ = false;
    output_->resume();
  }
  // The difference is signed: the counts wrap.
  if (is_owed_ && static_cast<std::int32_t>(safe() - owed_) >= 0) {
    is_owed_ = false;
    send_ack(safe());
  }
}

xmpp::StanzaCount AckExchange::safe() const {
  return unsettled_.empty() ? handled_ : unsettled_.front().place - 1;
}

void AckExchange::send_ack(xmpp::StanzaCount h) {
  output_->write(xmpp::SharedText("<a xmlns='" + std::string(xmpp::ns::sm3) + "' h='" +
                                  std::to_string(h) + "'/>"));
}

bool AckExchange::send(const RoutedStanza& stanza) {
  if (!unacked_.push(stanza, stanza.xml.size())) return false;
  home_.counters.unacknowledged_stanzas.raise(1);
  output_->write(stanza.xml);
  if (++since_request_ >= stanzas_per_request) {
    request();
  } else if (stanza.ticket) {
    tick_later();  // Somebody waits for it.
  }
  return true;
}

void AckExchange::tick_later() {
  if (!home_.settlement || std::exchange(will_tick_, true)) return;
  home_.settlement->tick_later(session_);
}

void AckExchange::on_tick() {
  will_tick_ = false;
  request();
  if (is_owed_ && !std::exchange(is_answered_, true)) send_ack(safe());
}

void AckExchange::request() {
  if (request_pending_ || unacked_.is_empty()) return;
  static const xmpp::SharedText request("<r xmlns='" + std::string(xmpp::ns::sm3) + "'/>");
  request_pending_ = true;
  since_request_ = 0;
  output_->write(request);
}

bool AckExchange::on_element(const xmpp::Element& element) {
  if (element.name() == "r") {
    on_request();
    return true;
  }
  if (element.name() == "a") {
    on_ack(element);
    return true;
  }
  return false;
}

void AckExchange::on_request() {
  if (unsettled_.empty()) return send_ack(handled_);
  // Most messages are settled in a moment: one answer then, rather than two.
  is_owed_ = true;
  is_answered_ = false;
  owed_ = handled_;
  tick_later();
}

void AckExchange::on_ack(const xmpp::Element& element) {
  request_pending_ = false;
  std::uint32_t handled = 0;
  const std::string_view h = element.attr("h");
  const auto [end, error] = std::from_chars(h.data(), h.data() + h.size(), handled);
  if (error != std::errc() || end != h.data() + h.size()) {
    return output_->close(xmpp::StreamErrorCondition::bad_format);
  }
  if (acknowledge(handled) == xmpp::AckOutcome::handled_count_too_high) {
    // XEP-0198 §4, hardening E3.
    return output_->close(xmpp::StreamErrorCondition::undefined_condition, {},
                          "<handled-count-too-high xmlns='" + std::string(xmpp::ns::sm3) + "' h='" +
                              std::string(h) + "' send-count='" + std::to_string(unacked_.sent()) +
                              "'/>");
  }
  if (unacked_.size() >= stanzas_per_request) {
    request();
  } else if (!unacked_.is_empty()) {
    tick_later();
  }
}

xmpp::AckOutcome AckExchange::acknowledge(xmpp::StanzaCount h) {
  const std::size_t before = unacked_.size();
  const auto outcome = unacked_.acknowledge(
      h, [this](RoutedStanza stanza) { router_.settle(stanza, CopyFate::acked, &home_); });
  home_.counters.unacknowledged_stanzas.lower(before - unacked_.size());
  return outcome;
}

void AckExchange::set_output(StreamOutput& output) {
  output_ = &output;
  request_pending_ = false;
  is_owed_ = false;
  is_paused_ = false;
}

std::vector<RoutedStanza> AckExchange::take_unacked() {
  home_.counters.unacknowledged_stanzas.lower(unacked_.size());
  std::vector<RoutedStanza> taken;
  taken.reserve(unacked_.size());
  unacked_.drain([&](RoutedStanza stanza) { taken.push_back(std::move(stanza)); });
  return taken;
}

void AckExchange::release() {
  home_.counters.unacknowledged_stanzas.lower(unacked_.size());
  unacked_.drain([this](RoutedStanza stanza) {
    // Presence and answers are about this stream; a message is about the person behind it.
    if (stanza.kind == xmpp::Stanza::Kind::message ||
        (stanza.kind == xmpp::Stanza::Kind::iq && (stanza.type == "get" || stanza.type == "set"))) {
      router_.undeliverable(std::move(stanza), &home_);
    }
  });
}

bool AckExchange::holds(MessageId id) const {
  bool is_held = false;
  unacked_.for_each([&](const RoutedStanza& stanza) { is_held = is_held || stanza.id == id; });
  return is_held;
}

}  // namespace server
