#include "discovery/file_backend.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>

#include "discovery/registry.h"
#include "tests/discovery/recorded_events.h"

namespace discovery {
namespace {

using namespace std::chrono_literals;

class FileBackendTest : public testing::Test {
 protected:
  // Replaces the file as its reader asks for: whole, or not at all.
  void write(const std::string& text) const {
    const std::filesystem::path next = path().string() + ".next";
    std::ofstream(next, std::ios::binary) << text;
    std::filesystem::rename(next, path());
  }

  std::filesystem::path path() const {
    const char* folder = std::getenv("TEST_TMPDIR");
    const std::string name = testing::UnitTest::GetInstance()->current_test_info()->name();
    return std::filesystem::path(folder != nullptr ? folder : "/tmp") / (name + ".nodes");
  }

  NodeRow self_ = {.name = "n1", .incarnation = 5, .peer_address = "127.0.0.1:5290"};
};

TEST_F(FileBackendTest, NumbersTheListedNodesInTheirOrder) {
  write("# who, where\n\nn1 127.0.0.1:5290\n  n2\t[::1]:5291  \nn3 n3.example:5290");
  FileBackend backend(path());
  const Result<Reading> reading = backend.renew(self_, 15s);
  ASSERT_TRUE(reading.has_value()) << backend.last_failure();
  ASSERT_EQ(reading->nodes.size(), 3U);
  EXPECT_EQ(reading->nodes[0].incarnation, 5U);
  EXPECT_EQ(reading->nodes[1].peer_address, "[::1]:5291");
  EXPECT_EQ(reading->nodes[2].name, "n3");
  EXPECT_EQ(reading->nodes[2].number, 3);
  EXPECT_EQ(reading->nodes[2].state, NodeState::ready);
  EXPECT_GT(reading->nodes[2].lease_remaining, 0ms);
}

TEST_F(FileBackendTest, SaysWhichLineIsBad) {
  for (const std::string line : {"n2", "n2 nowhere", "n2 host:1 more", "n2 host:0", "n1 host:1"}) {
    write("n1 127.0.0.1:5290\n" + line + "\n");
    FileBackend backend(path());
    const Result<Reading> reading = backend.read();
    ASSERT_TRUE(reading.has_error()) << line;
    EXPECT_EQ(reading.error(), Errc::malformed) << line;
    EXPECT_NE(backend.last_failure().find(":2: "), std::string::npos) << backend.last_failure();
  }
}

TEST_F(FileBackendTest, SaysWhenItCannotBeReadOrDoesNotListThisNode) {
  FileBackend absent(path().string() + ".absent");
  EXPECT_EQ(absent.read().error(), Errc::registry_unavailable);
  write("n2 127.0.0.1:5291\n");
  FileBackend backend(path());
  EXPECT_EQ(backend.renew(self_, 15s).error(), Errc::not_listed);
}

// hardening K7
TEST_F(FileBackendTest, BoundsHowManyNodesItTakes) {
  std::string text;
  for (int n = 1; n <= 1'000; ++n) text += "n" + std::to_string(n) + " host:5290\n";
  write(text);
  FileBackend backend(path());
  EXPECT_EQ(backend.read()->nodes.size(), 1'000U);
  write(text + "n1001 host:5290\n");
  EXPECT_EQ(backend.read().error(), Errc::registry_full);
}

TEST_F(FileBackendTest, IsReadAgainWhenItChangesAndKeepsTheLastGoodList) {
  write("n1 127.0.0.1:5290\nn2 127.0.0.1:5291\n");
  RecordedEvents events;
  Discovery discovery({.self = self_, .read_interval = 20ms}, std::make_unique<FileBackend>(path()),
                      events);
  discovery.on_peers([&](const std::vector<NodeRow>& peers) { events.peers(peers); });
  ASSERT_TRUE(discovery.start().has_value());
  EXPECT_TRUE(events.wait_for("peers n2"));
  write("n1 127.0.0.1:5290\nn2 127.0.0.1:5291\nn3 127.0.0.1:5292\n");
  EXPECT_TRUE(events.wait_for("peers n2 n3"));
  write("n1 127.0.0.1:5290\nn2\n");
  EXPECT_TRUE(events.wait_for("failed"));
  EXPECT_EQ(discovery.peers().size(), 2U);
  write("n1 127.0.0.1:5290\nn3 127.0.0.1:5292\n");
  EXPECT_TRUE(events.wait_for("recovered"));
  EXPECT_TRUE(events.wait_for("peers n3"));
  discovery.stop();
}

TEST_F(FileBackendTest, ListsThisNodeOnceHoweverOftenItIsRead) {
  write("n1 127.0.0.1:5290\nn2 127.0.0.1:5291\n");
  RecordedEvents events;
  Discovery discovery({.self = self_, .lease = 400ms, .read_interval = 20ms},
                      std::make_unique<FileBackend>(path()), events);
  ASSERT_TRUE(discovery.start().has_value());
  ASSERT_TRUE(events.wait_for("renewed"));
  for (int n = 0; n < 3; ++n) ASSERT_TRUE(events.wait_for("renewed", events.mark()));
  EXPECT_EQ(events.count("registered"), 1U) << events.all();
  discovery.stop();
}

}  // namespace
}  // namespace discovery
