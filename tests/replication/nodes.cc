#include "tests/replication/nodes.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace replication {

std::size_t EventLog::count(const std::string& text) const {
  return log_.with([&](const auto& log) {
    return static_cast<std::size_t>(std::count_if(
        log.begin(), log.end(), [&](const std::string& line) { return line.starts_with(text); }));
  });
}

std::string EventLog::all() const {
  return log_.with([](const auto& log) {
    std::string all;
    for (const std::string& line : log) all += line + "\n";
    return all;
  });
}

NodeOptions quick(const std::string& name, std::uint64_t incarnation) {
  NodeOptions options;
  options.cluster = "test";
  options.name = name;
  options.incarnation = incarnation;
  options.secret = "a secret for tests";
  options.heartbeat = 50ms;
  options.silence_max = 400ms;
  options.forget_after = 1000ms;
  options.lag_max = 300ms;
  options.hello_max = 500ms;
  options.backoff_min = 10ms;
  options.backoff_max = 50ms;
  options.backoff_refused_max = 100ms;
  return options;
}

TestNode::TestNode(NodeOptions options, TableOptions table_options)
    : node(std::make_unique<Node>(std::move(options), events)),
      texts(std::make_unique<TextTable>(*node, "texts", table_options)) {}

TestNode::TestNode(const std::string& name, std::uint64_t incarnation)
    : TestNode(quick(name, incarnation)) {}

void TestNode::start() { ASSERT_TRUE(node->start().has_value()); }

PeerStatus TestNode::peer(const std::string& name) const {
  for (PeerStatus& status : node->peers()) {
    if (status.id.name == name) return status;
  }
  return {};
}

std::map<std::string, std::string> TestNode::at(const Key& key) const {
  std::map<std::string, std::string> found;
  texts->find(key,
              [&](NodeRef owner, const std::string& text) { found[node->id(owner).name] = text; });
  return found;
}

void introduce(const std::vector<TestNode*>& nodes) {
  std::vector<PeerAddress> addresses;
  for (TestNode* node : nodes) addresses.push_back(node->address());
  for (TestNode* node : nodes) node->node->set_peers(addresses);
}

bool join(const std::vector<TestNode*>& nodes) {
  for (TestNode* node : nodes) node->start();
  introduce(nodes);
  return std::all_of(nodes.begin(), nodes.end(), [&](TestNode* node) {
    return eventually(5s, [&] {
      return std::all_of(nodes.begin(), nodes.end(), [&](TestNode* other) {
        return other == node || node->ready(other->node->id().name);
      });
    });
  });
}

bool same_records(const TestNode& a, const TestNode& b, const std::vector<NodeId>& owners) {
  return std::all_of(owners.begin(), owners.end(), [&](const NodeId& owner) {
    auto at_a = a.node->ref(owner);
    auto at_b = b.node->ref(owner);
    return at_a && at_b && a.texts->digest(*at_a) == b.texts->digest(*at_b) &&
           a.node->alive(*at_a) && b.node->alive(*at_b);
  });
}

}  // namespace replication
