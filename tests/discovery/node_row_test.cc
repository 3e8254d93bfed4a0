#include "discovery/node_row.h"

#include <gtest/gtest.h>

namespace discovery {
namespace {

TEST(HostPort, TakesNamesAndBothKindsOfAddresses) {
  for (const auto& [text, host, port] : {std::tuple{"node-1.example:5290", "node-1.example", 5290},
                                         {"10.0.0.7:1", "10.0.0.7", 1},
                                         {"[fd00::7]:65535", "fd00::7", 65535}}) {
    const auto parts = parse_host_port(text);
    ASSERT_TRUE(parts.has_value()) << text;
    EXPECT_EQ(parts->host, host);
    EXPECT_EQ(parts->port, port);
  }
}

// hardening K7: what a row says is dialled, so it says nothing odd.
TEST(HostPort, RefusesWhatCannotBeDialled) {
  for (const std::string text :
       {"", ":5290", "host", "host:", "host:0", "host:65536", "host:-1", "host:5290x", "host: 5290",
        "fd00::7:5290", "[]:5290", "ho st:5290", "h\nst:5290", "a/b:5290"}) {
    EXPECT_FALSE(parse_host_port(text).has_value()) << text;
  }
  EXPECT_TRUE(parse_host_port(std::string(250, 'h') + ":5290").has_value());
  EXPECT_FALSE(parse_host_port(std::string(251, 'h') + ":5290").has_value());
}

TEST(NodeName, IsShortPrintableAndWithoutBlanks) {
  EXPECT_TRUE(is_node_name("n1"));
  EXPECT_TRUE(is_node_name(std::string(250, 'n')));
  for (const std::string& text :
       {std::string(), std::string(251, 'n'), std::string("n 1"), std::string("n\0", 2),
        std::string("n'1"), std::string("n\xc3\xa9")}) {
    EXPECT_FALSE(is_node_name(text)) << text;
  }
}

TEST(NodeState, OfANewerReleaseIsUnknownRatherThanAnError) {
  EXPECT_EQ(parse_node_state("draining"), NodeState::draining);
  EXPECT_EQ(parse_node_state("hibernating"), NodeState::unknown);
}

TEST(Compatible, NeedsOneCommonProtocolUnlessOneDoesNotSay) {
  NodeRow ours{.protocol_min = 2, .protocol_max = 3};
  EXPECT_TRUE(compatible(ours, {.protocol_min = 3, .protocol_max = 5}));
  EXPECT_TRUE(compatible(ours, {.protocol_min = 1, .protocol_max = 2}));
  EXPECT_FALSE(compatible(ours, {.protocol_min = 4, .protocol_max = 5}));
  EXPECT_TRUE(compatible(ours, {}));
}

}  // namespace
}  // namespace discovery
