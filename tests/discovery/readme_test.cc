#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iostream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "discovery/file_backend.h"
#include "discovery/registry.h"

namespace {

std::string read(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

void example(const std::string& path, std::uint64_t start_stamp,
             const std::function<void(const std::vector<discovery::NodeRow>&)>& dial) {
  // clang-format off
// begin of the example
class Log : public discovery::Events {
  void name_taken(const discovery::NodeRow& holder) override { std::cerr << holder.peer_address; }
} events;

discovery::NodeRow self{.name = "n1", .incarnation = start_stamp, .peer_address = "127.0.0.1:5290"};
discovery::Discovery nodes({.self = self}, std::make_unique<discovery::FileBackend>(path), events);
nodes.on_peers([&](std::vector<discovery::NodeRow> peers) { dial(peers); });
if (nodes.start().has_error()) return;
nodes.set_state(discovery::NodeState::ready);
nodes.stop();  // Off the list.
// end of the example
  // clang-format on
}

TEST(Readme, ShowsAnExampleThatCompilesAndRuns) {
  const char* folder = std::getenv("TEST_TMPDIR");
  const std::string path = std::string(folder != nullptr ? folder : "/tmp") + "/nodes";
  std::ofstream(path) << "n1 127.0.0.1:5290\nn2 127.0.0.1:5291\n";
  std::vector<discovery::NodeRow> seen;
  example(path, 1, [&](const std::vector<discovery::NodeRow>& peers) { seen = peers; });
  // Stopped right after its start it may or may not have read the file; it never lists itself.
  for (const discovery::NodeRow& peer : seen) EXPECT_EQ(peer.name, "n2");
}

TEST(Readme, ShowsTheVeryLinesThatAreCompiledHere) {
  const std::string source = read("tests/discovery/readme_test.cc");
  const std::string begin = "// begin of the example\n";
  const auto from = source.find("\n" + begin) + 1 + begin.size();
  const auto to = source.find("\n// end of the example");
  ASSERT_LT(from, to);
  const std::string example = source.substr(from, to - from);
  EXPECT_NE(read("discovery/README.md").find("```cpp\n" + example + "\n```"), std::string::npos)
      << example;
}

}  // namespace
