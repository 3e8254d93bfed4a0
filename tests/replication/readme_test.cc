// The example of replication/README.md, line by line: the test fails when the two differ.

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>

#include "replication/node.h"
#include "replication/table.h"

namespace {

std::string seen;

void use(replication::NodeRef, const std::string& colour) { seen = colour; }

// clang-format off
boost::system::error_code example() {
  // BEGIN
replication::Events events;
replication::Node node({.cluster = "example", .name = "a", .secret = "at least 32 random bytes"}, events);
replication::Table<std::string, std::string> colours(node, "colours");
if (auto started = node.start(); !started) return started.error();
node.set_peers({{"b", "192.0.2.2", 5280}});  // Whoever is listed and knows the secret joins.
auto written = colours.put("sky", "blue");   // Visible here at once, elsewhere after one trip.
if (written) colours.wait_replicated(*written, replication::in(std::chrono::seconds(1))).value();
colours.find("sky", [](replication::NodeRef owner, const std::string& colour) { use(owner, colour); });
node.send(replication::NodeId{"b", 1}, "a message, exactly once and in order").has_value();
node.stop();  // The others drop this node's records at once.
  // END
  return {};
}
// clang-format on

std::string read(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string between(const std::string& text, const std::string& begin, const std::string& end) {
  auto from = text.find(begin);
  auto to = text.find(end, from + begin.size());
  if (from == std::string::npos || to == std::string::npos) return "not found";
  return text.substr(from + begin.size(), to - from - begin.size());
}

TEST(Readme, ExampleRuns) {
  EXPECT_FALSE(example());
  EXPECT_EQ(seen, "blue");
}

TEST(Readme, ExampleIsTheOneThatRuns) {
  std::string readme = between(read("replication/README.md"), "```cpp\n", "```");
  std::string code = between(read("tests/replication/readme_test.cc"), "// BEGIN\n", "  // END");
  EXPECT_EQ(readme, code);
}

}  // namespace
