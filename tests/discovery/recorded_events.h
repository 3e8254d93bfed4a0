#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <vector>

#include "discovery/registry.h"

namespace discovery {

/// Keeps what Discovery reports, as short sentences, and lets a test wait for one.
class RecordedEvents final : public Events {
 public:
  void registered(std::uint16_t number) override { add("registered " + std::to_string(number)); }
  void lease_renewed() override { add("renewed"); }
  void lease_renewed_late(std::chrono::milliseconds) override { add("renewed late"); }
  void backend_failed(boost::system::error_code error, const std::string& detail) override {
    add("failed: " + error.message() + ": " + detail);
  }
  void backend_recovered(std::chrono::milliseconds) override { add("recovered"); }
  void name_taken(const NodeRow& holder) override { add("taken by " + holder.peer_address); }
  void name_refused(const NodeRow& holder) override { add("refused by " + holder.peer_address); }
  void incompatible_peer(const NodeRow& peer) override { add("incompatible " + peer.name); }
  void rows_ignored(std::size_t count) override { add("ignored " + std::to_string(count)); }
  void clock_differs(std::chrono::milliseconds) override { add("clock differs"); }

  /// For Discovery::on_peers: kept as `peers a b c`, with the state of each that is not ready.
  void peers(const std::vector<NodeRow>& peers) {
    std::string text = "peers";
    for (const NodeRow& peer : peers) {
      text += " " + peer.name;
      if (peer.state != NodeState::ready) text += ":" + std::string(name(peer.state));
    }
    add(text);
  }

  /// Whether an event that begins with `text` has come, or comes within the limit, after the
  /// `mark`th. Tells on failure what came instead.
  bool wait_for(const std::string& text, std::size_t mark = 0) {
    std::unique_lock lock(mutex_);
    return came_.wait_for(lock, std::chrono::seconds(20), [&] { return find(text, mark); });
  }

  bool has(const std::string& text, std::size_t mark = 0) {
    const std::lock_guard lock(mutex_);
    return find(text, mark);
  }

  std::size_t mark() {
    const std::lock_guard lock(mutex_);
    return events_.size();
  }

  std::size_t count(const std::string& text) {
    const std::lock_guard lock(mutex_);
    return static_cast<std::size_t>(std::ranges::count_if(
        events_, [&](const std::string& event) { return event.starts_with(text); }));
  }

  /// The last list of peers, as in peers().
  std::string last_peers() {
    const std::lock_guard lock(mutex_);
    for (auto event = events_.rbegin(); event != events_.rend(); ++event) {
      if (event->starts_with("peers")) return *event;
    }
    return "none yet";
  }

  std::string all() {
    const std::lock_guard lock(mutex_);
    std::string text;
    for (const std::string& event : events_) text += event + "; ";
    return text;
  }

 private:
  void add(std::string event) {
    const std::lock_guard lock(mutex_);
    events_.push_back(std::move(event));
    came_.notify_all();
  }

  bool find(const std::string& text, std::size_t mark) const {
    return std::any_of(
        events_.begin() + static_cast<std::ptrdiff_t>(std::min(mark, events_.size())),
        events_.end(), [&](const std::string& event) { return event.starts_with(text); });
  }

  std::mutex mutex_;
  std::condition_variable came_;
  std::vector<std::string> events_;
};

}  // namespace discovery
