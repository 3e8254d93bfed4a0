#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "replication/events.h"
#include "replication/guarded.h"
#include "replication/node.h"
#include "replication/table.h"
#include "tests/support/eventually.h"

namespace replication {

using tests::eventually;
using namespace std::chrono_literals;

using Key = std::pair<std::string, std::string>;
using TextTable = Table<Key, std::string>;

/// Remembers what happened, for tests to wait on.
class EventLog : public Events {
 public:
  void peer_connected(const NodeId& id) override { note("connected " + id.name); }
  void joined(const NodeId& id, const JoinStats&) override { note("joined " + id.name); }
  void peer_unreachable(const NodeId& id, boost::system::error_code) override {
    note("unreachable " + id.name);
  }
  void peer_relayed(const NodeId& id, const std::string& via) override {
    note("relayed " + id.name + (via.empty() ? " no longer" : " by " + via));
  }
  void peer_reachable(const NodeId& id) override { note("reachable " + id.name); }
  void peer_gone(const NodeId& id, boost::system::error_code why, std::uint64_t records) override {
    note("gone " + id.name + ": " + why.message() + ", " + std::to_string(records));
  }
  void link_in_clear(const NodeId& id) override { note("in clear " + id.name); }
  void link_refused(const std::string&, boost::system::error_code why) override {
    note("refused: " + why.message());
  }
  void resync(const NodeId& id, const std::string& table, const std::string&) override {
    note("resync " + id.name + " " + table);
  }
  void table_version_differs(const NodeId& id, const std::string& table,
                             std::uint16_t theirs) override {
    note(id.name + " has version " + std::to_string(theirs) + " of " + table);
  }
  void lagging(const NodeId& id, bool is) override {
    note((is ? "lagging " : "caught up ") + id.name);
  }

  /// How often an event that begins with `text` has happened.
  std::size_t count(const std::string& text) const;
  bool has(const std::string& text) const { return count(text) != 0; }
  std::string all() const;

 private:
  void note(std::string text) {
    log_.with([&](auto& log) { log.push_back(std::move(text)); });
  }

  Guarded<std::vector<std::string>> log_;
};

/// A node on loopback with one table, "texts", ready to be started. Time limits are short.
struct TestNode {
  explicit TestNode(NodeOptions options, TableOptions table_options = {});
  TestNode(const std::string& name, std::uint64_t incarnation = 1);

  void start();
  PeerAddress address() const { return {node->id().name, "127.0.0.1", node->listen_port()}; }

  /// The process dies: its sockets close, nothing is said.
  void kill() {
    texts.reset();
    node.reset();
  }

  PeerStatus peer(const std::string& name) const;
  bool ready(const std::string& peer_name) const {
    return peer(peer_name).state == PeerState::ready;
  }
  NodeRef ref(const TestNode& other) const { return node->ref(other.node->id()).value(); }

  /// What readers here see at the key, by owner's name.
  std::map<std::string, std::string> at(const Key& key) const;

  EventLog events;
  std::unique_ptr<Node> node;
  std::unique_ptr<TextTable> texts;
};

/// Options of a node with limits short enough for tests: heartbeats every 50 ms, silence after
/// 400 ms, forgotten after 1 s.
NodeOptions quick(const std::string& name, std::uint64_t incarnation = 1);

/// Tells all of them about each other.
void introduce(const std::vector<TestNode*>& nodes);

/// Starts and introduces them, and waits until each has caught up with each.
bool join(const std::vector<TestNode*>& nodes);

/// Whether the two hold the same records of each of the owners.
bool same_records(const TestNode& a, const TestNode& b, const std::vector<NodeId>& owners);

}  // namespace replication
