#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/replication/nodes.h"
#include "tests/support/tcp_gate.h"

namespace replication {

using Messages = std::vector<std::string>;

/// A node that notes what it is sent and what it is given back.
struct RelayNode : TestNode {
  explicit RelayNode(NodeOptions options) : TestNode(std::move(options)) {
    node->on_message([this](NodeRef from, std::string_view payload) {
      received.with([&](auto& all) { all[node->id(from).name].emplace_back(payload); });
    });
    node->on_undelivered([this](NodeRef, std::string payload) {
      returned.with([&](Messages& all) { all.push_back(std::move(payload)); });
    });
  }
  ~RelayNode() { kill(); }  // Its thread fills what is destroyed next.

  Messages from(const std::string& name) const {
    return received.with([&](const auto& all) {
      auto found = all.find(name);
      return found == all.end() ? Messages() : found->second;
    });
  }

  Guarded<std::map<std::string, Messages>> received;
  Guarded<Messages> returned;
};

/// Nodes "a", "b", "c", … each of which dials each other one through a gate of its own.
class Net {
 public:
  using Change = std::function<void(NodeOptions&)>;

  explicit Net(
      std::size_t count, const Change& change = [](NodeOptions&) {}) {
    for (std::size_t at = 0; at < count; ++at) {
      NodeOptions options = quick(std::string(1, static_cast<char>('a' + at)));
      options.forget_after = 60s;
      change(options);
      nodes_.push_back(std::make_unique<RelayNode>(options));
      nodes_.back()->start();
    }
    for (std::size_t from = 0; from < count; ++from) {
      for (std::size_t to = 0; to < count; ++to) {
        if (from == to) continue;
        gates_[{name(from), name(to)}] =
            std::make_unique<tests::TcpGate>(nodes_[to]->node->listen_port());
      }
    }
  }

  // Tells all but `left_out` of all.
  void introduce(const std::string& left_out = {}) {
    for (auto& node : nodes_) {
      if (node->node && node->node->id().name != left_out) introduce_to(*node);
    }
  }

  void introduce_to(RelayNode& node) {
    std::vector<PeerAddress> peers;
    for (auto& [pair, gate] : gates_) {
      if (pair.first != node.node->id().name) continue;
      const bool refused = refused_.contains(std::minmax(pair.first, pair.second));
      // Nobody listens at port 1.
      const std::uint16_t port = refused ? 1 : gate->port();
      peers.push_back({pair.second, "127.0.0.1", port});
    }
    node.node->set_peers(peers);
  }

  bool join() {
    introduce();
    return all_linked();
  }

  bool all_linked() {
    return eventually(10s, [&] {
      return every_pair(
          [](RelayNode& node, RelayNode& other) { return node.ready(other.node->id().name); });
    });
  }

  bool none_relayed() {
    return eventually(10s, [&] {
      return every_pair([](RelayNode& node, RelayNode& other) {
        const PeerStatus peer = node.peer(other.node->id().name);
        return peer.state == PeerState::ready && peer.via.empty();
      });
    });
  }

  // What two nodes have of each other is what that has itself.
  bool equal(const std::string& x, const std::string& y) {
    return has_all_of((*this)[x], (*this)[y]) && has_all_of((*this)[y], (*this)[x]);
  }

  // The same for all.
  bool equal() { return every_pair(&has_all_of); }

  bool relayed(const std::string& x, const std::string& y) {
    return eventually(10s, [&] { return is_relayed(x, y) && is_relayed(y, x); });
  }
  bool is_relayed(const std::string& x, const std::string& y) {
    const PeerStatus peer = (*this)[x].peer(y);
    return peer.state == PeerState::ready && !peer.via.empty();
  }

  void cut(const std::string& x, const std::string& y) { both(x, y, &tests::TcpGate::cut); }
  void stall(const std::string& x, const std::string& y) { both(x, y, &tests::TcpGate::stall); }
  void open(const std::string& x, const std::string& y) { both(x, y, &tests::TcpGate::open); }

  // As a firewall that answers dials with a reset.
  void refuse(const std::string& x, const std::string& y) {
    refused_.insert(std::minmax(x, y));
    introduce_to((*this)[x]);
    introduce_to((*this)[y]);
    cut(x, y);
  }
  void allow(const std::string& x, const std::string& y) {
    refused_.erase(std::minmax(x, y));
    open(x, y);
    introduce_to((*this)[x]);
    introduce_to((*this)[y]);
  }

  RelayNode& operator[](const std::string& name) {
    return *nodes_.at(static_cast<std::size_t>(name.front() - 'a'));
  }

  // Bytes from x to y vanish; those from y to x arrive.
  void lose(const std::string& x, const std::string& y) {
    for (bool client : {true, false}) {
      gates_.at(client ? Pair(x, y) : Pair(y, x))
          ->tamper([client](bool from_client, std::size_t, std::string& bytes) {
            if (from_client == client) bytes.clear();
          });
    }
  }

  // From here on dials go to the nodes themselves, whose kernels refuse for them once they are
  // dead.
  void direct() {
    for (auto& node : nodes_) {
      std::vector<PeerAddress> peers;
      for (auto& other : nodes_) peers.push_back(other->address());
      node->node->set_peers(peers);
    }
  }

  std::string events() {
    std::string all;
    for (auto& node : nodes_) {
      if (node->node) all += "-- " + node->node->id().name + "\n" + node->events.all();
    }
    return all;
  }

 private:
  using Pair = std::pair<std::string, std::string>;

  static bool has_all_of(RelayNode& node, RelayNode& other) {
    return node.texts->digest(node.ref(other)) == other.texts->digest(self_ref);
  }

  static std::string name(std::size_t at) { return std::string(1, static_cast<char>('a' + at)); }

  void both(const std::string& x, const std::string& y, void (tests::TcpGate::*change)()) {
    ((*gates_.at({x, y})).*change)();
    ((*gates_.at({y, x})).*change)();
  }

  bool every_pair(const std::function<bool(RelayNode&, RelayNode&)>& holds) {
    for (auto& node : nodes_) {
      for (auto& other : nodes_) {
        if (node == other || !node->node || !other->node) continue;
        if (!holds(*node, *other)) return false;
      }
    }
    return true;
  }

  std::vector<std::unique_ptr<RelayNode>> nodes_;
  std::map<Pair, std::unique_ptr<tests::TcpGate>> gates_;
  std::set<Pair> refused_;
};

/// Sends numbered messages and writes numbered records, both ways, until it is stopped.
class Traffic {
 public:
  Traffic(RelayNode& x, RelayNode& y) : x_(x), y_(y), thread_([this] { run(); }) {}
  ~Traffic() { stop(); }

  void stop() {
    stopping_ = true;
    if (thread_.joinable()) thread_.join();
  }

  // Once stopped: whether all that was sent has come, once and in order.
  bool arrived() {
    const std::string x = x_.node->id().name, y = y_.node->id().name;
    return eventually(10s, [&] { return x_.from(y) == sent_ && y_.from(x) == sent_; });
  }
  std::size_t count() const { return sent_.size(); }
  std::chrono::steady_clock::duration longest_write() const { return longest_write_; }

 private:
  void run() {
    while (!stopping_) {
      sent_.push_back(std::to_string(sent_.size()));
      for (auto [from, to] : {std::pair(&x_, &y_), std::pair(&y_, &x_)}) {
        const auto begun = std::chrono::steady_clock::now();
        EXPECT_TRUE(from->texts->put({std::to_string(sent_.size() % 100), ""}, sent_.back()));
        longest_write_ = std::max(longest_write_, std::chrono::steady_clock::now() - begun);
        EXPECT_TRUE(from->node->send(to->node->id(), sent_.back()));
      }
      std::this_thread::yield();
      if (sent_.size() % 10 == 0) pause();
    }
  }

  // Some thousand messages a second are enough.
  void pause() {
    eventually(2ms, [this] { return stopping_.load(); });
  }

  RelayNode& x_;
  RelayNode& y_;
  Messages sent_;
  std::chrono::steady_clock::duration longest_write_{};
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace replication
