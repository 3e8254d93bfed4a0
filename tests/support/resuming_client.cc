#include "tests/support/resuming_client.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "xmpp/namespaces.h"

namespace tests {
namespace {

using Clock = std::chrono::steady_clock;

std::string sm(const std::string& name, const std::string& attributes) {
  return "<" + name + " xmlns='" + std::string(xmpp::ns::sm3) + "'" + attributes + "/>";
}

std::chrono::milliseconds until(Clock::time_point end) {
  return std::max(std::chrono::milliseconds(0),
                  std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now()));
}

}  // namespace

ResumingClient::ResumingClient(std::string user, std::string resource)
    : user_(std::move(user)), resource_(std::move(resource)) {}

void ResumingClient::connect(std::uint16_t port) {
  client_.emplace(port);
  client_->start_tls("localhost");
  ended_by_.clear();
  const std::string condition = client_->authenticate(user_, user_);
  if (!condition.empty()) throw std::runtime_error(jid() + " cannot log in: " + condition);
}

void ResumingClient::log_in(std::uint16_t port) {
  connect(port);
  client_->bind(resource_);
  handled_ = acked_ = 0;
  unacked_.clear();
  client_->send(sm("enable", " resume='true'"));
  const auto enabled = client_->receive();
  if (!enabled || enabled->root().name() != "enabled") {
    throw std::runtime_error("not enabled: " + (enabled ? enabled->to_string() : "nothing"));
  }
  id_ = enabled->root().attr("id");
  send_stanza("<presence/>");
}

bool ResumingClient::resume(std::uint16_t port) {
  connect(port);
  refusal_.clear();
  client_->send(sm("resume", " previd='" + id_ + "' h='" + std::to_string(handled_) + "'"));
  const auto answer = client_->receive();
  if (!answer) {
    refusal_ = "nothing";
    return false;
  }
  if (answer->root().name() != "resumed") {
    refusal_ = answer->root().first_child().name();
    return false;
  }
  release(static_cast<std::uint32_t>(std::stoul(std::string(answer->root().attr("h")))));
  for (const std::string& xml : unacked_) client_->send(xml);
  client_->send(sm("r", ""));
  return true;
}

void ResumingClient::say(const std::string& to, const std::string& body) {
  send_stanza("<message type='chat' id='" + body + "' to='" + to + "'><body>" + body +
              "</body></message>");
}

void ResumingClient::send_stanza(const std::string& xml) {
  unacked_.push_back(xml);
  if (is_connected()) client_->send(xml + sm("r", ""));
}

void ResumingClient::release(std::uint32_t h) {
  for (; acked_ != h; ++acked_) {
    if (unacked_.empty()) throw std::runtime_error("more was acknowledged than was sent");
    unacked_.pop_front();
  }
}

void ResumingClient::take(const xmpp::Stanza& element) {
  const xmpp::Element root = element.root();
  if (root.is("r", xmpp::ns::sm3)) {
    if (acknowledges_) client_->send(sm("a", " h='" + std::to_string(handled_) + "'"));
  } else if (root.is("a", xmpp::ns::sm3)) {
    release(static_cast<std::uint32_t>(std::stoul(std::string(root.attr("h")))));
  } else if (root.is("error", xmpp::ns::stream)) {
    ended_by_ = root.first_child().name();
  } else if (element.kind() != xmpp::Stanza::Kind::other) {
    ++handled_;
    if (element.kind() != xmpp::Stanza::Kind::message) return;
    heard_.push_back(element.type() == "error" ? "error"
                                               : root.child("body", xmpp::ns::client).text());
  }
}

void ResumingClient::listen(std::chrono::milliseconds limit) {
  const auto end = Clock::now() + limit;
  while (is_connected()) {
    const auto element = client_->receive(until(end));
    if (element) {
      take(*element);
    } else if (client_->is_closed() && ended_by_.empty()) {
      ended_by_ = "closed";
    } else {
      return;
    }
  }
}

bool ResumingClient::hears(std::size_t count, std::chrono::milliseconds limit) {
  const auto end = Clock::now() + limit;
  while (heard_.size() < count && is_connected() && Clock::now() < end) {
    const auto element = client_->receive(until(end));
    if (element) take(*element);
  }
  return heard_.size() >= count;
}

}  // namespace tests
