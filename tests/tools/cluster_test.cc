// The whole `cluster` program with a real MariaDB and nodes that stand in for meerkatd
// (fake_node.cc). What it promises of real nodes is held in tests/cluster/.

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "tools/cluster/port_plan.h"
#include "tools/cluster/process.h"
#include "tools/cluster/state.h"

namespace cluster {
namespace {

namespace fs = std::filesystem;

constexpr int command_limit_ms = 90'000;

struct Outcome {
  int exit_code = -1;
  std::string out;  // stdout and stderr.
};

std::string contents(const fs::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

bool can_listen(std::uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in here{};
  here.sin_family = AF_INET;
  here.sin_port = htons(port);
  here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const bool free = bind(fd, reinterpret_cast<sockaddr*>(&here), sizeof here) == 0;
  close(fd);
  return free;
}

/// A base whose ports are free now, so that tests beside this one do not meet.
std::uint16_t free_base() {
  // Above the default cluster's and below 32768, where the kernel takes clients' own ports from.
  for (unsigned base = 16000 + static_cast<unsigned>(getpid()) % 16 * 500; base < 32000;
       base += 500) {
    const PortPlan ports{static_cast<std::uint16_t>(base)};
    bool free = can_listen(ports.any()) && can_listen(ports.mysql());
    for (unsigned node = 1; node <= 4; ++node) {
      for (const auto service :
           {PortPlan::Service::c2s, PortPlan::Service::admin, PortPlan::Service::health}) {
        free = free && can_listen(ports.of(node, service));
      }
    }
    if (free) return ports.base;
  }
  ADD_FAILURE() << "no free ports";
  return 0;
}

/// One cluster in a short folder (a Unix socket's path has at most 107 bytes).
class ClusterProgram : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = "/tmp/mkXXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    top_ = pattern;
    base_ = free_base();
  }

  void TearDown() override {
    run({"reset"});
    std::error_code ignored;
    fs::remove_all(top_, ignored);
  }

  ProcessKey start(const std::vector<std::string>& arguments, const fs::path& output) {
    const fs::path here = fs::current_path();
    std::vector<std::string> command{
        (here / "tools/cluster/cluster").string(), "--folder=" + top_.string(),
        "--meerkatd=" + (here / "tests/tools/fake_node").string(),
        "--meerkatd-next=" + (here / "tests/tools/fake_node_next").string()};
    command.insert(command.end(), arguments.begin(), arguments.end());
    const auto child = spawn({.arguments = command,
                              .environment = {},
                              .output = output,
                              .input = {},
                              .folder = {},
                              .parent_death_signal = SIGKILL});
    EXPECT_TRUE(child) << child.error().text;
    return *child;
  }

  Outcome run(const std::vector<std::string>& arguments) {
    const fs::path output = top_ / "output.txt";
    std::error_code ignored;
    fs::remove(output, ignored);
    const ProcessKey child = start(arguments, output);
    Outcome outcome;
    if (!await_end(child, command_limit_ms)) {
      signal_process(child, SIGKILL);
      ADD_FAILURE() << arguments.at(0) << " did not end";
    }
    int status = 0;
    waitpid(child.pid, &status, 0);
    outcome.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    outcome.out = contents(output);
    return outcome;
  }

  Outcome up(std::vector<std::string> more = {}) {
    std::vector<std::string> arguments{"up", "--detach", "--nodes=2",
                                       "--port-base=" + std::to_string(base_)};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run(arguments);
  }

  fs::path folder() const { return top_ / "default"; }
  ClusterRecord record() const {
    const auto read = read_record(folder());
    EXPECT_TRUE(read) << read.error().text;
    return read ? *read : ClusterRecord{};
  }

  /// Connects to the balancer; answers the name that the node greets with.
  std::string greeting() const {
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in there{};
    there.sin_family = AF_INET;
    there.sin_port = htons(PortPlan{base_}.any());
    there.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(connect(fd, reinterpret_cast<sockaddr*>(&there), sizeof there), 0);
    std::array<char, 16> buffer{};
    const ssize_t size = recv(fd, buffer.data(), buffer.size(), 0);
    open_.push_back(fd);
    return std::string(buffer.data(), size > 1 ? static_cast<std::size_t>(size) - 1 : 0);
  }

  ~ClusterProgram() override {
    for (const int fd : open_) close(fd);
  }

  fs::path top_;
  std::uint16_t base_ = 0;
  mutable std::vector<int> open_;
};

TEST_F(ClusterProgram, GrowsBreaksUpgradesAndShrinks) {
  const Outcome started = up();
  ASSERT_EQ(started.exit_code, 0) << started.out;
  EXPECT_NE(started.out.find("n1 n2   joined in "), std::string::npos) << started.out;
  EXPECT_NE(started.out.find("romeo@localhost / romeo"), std::string::npos);
  EXPECT_EQ(record().nodes.size(), 2U);

  EXPECT_EQ(run({"add"}).exit_code, 0);
  EXPECT_EQ(record().nodes.size(), 3U);

  const ProcessKey second = record().nodes.at(1).process;
  EXPECT_EQ(run({"kill", "n2"}).exit_code, 0);
  EXPECT_FALSE(is_running(second));
  EXPECT_EQ(record().nodes.at(1).phase, NodePhase::stopped);
  EXPECT_EQ(run({"kill", "n2"}).exit_code, 1);  // It does not run: said, not hidden.
  EXPECT_EQ(run({"start", "n2"}).exit_code, 0);

  const Outcome upgraded = run({"upgrade", "--to=next"});
  EXPECT_EQ(upgraded.exit_code, 0) << upgraded.out;
  EXPECT_EQ(record().nodes.size(), 3U);  // The surge node stands in the place of the last one.
  for (const NodeRecord& node : record().nodes) {
    EXPECT_EQ(node.version, "0.2.0") << node.name;
    EXPECT_EQ(node.phase, NodePhase::ready) << node.name;
  }
  EXPECT_EQ(run({"upgrade", "--back", "--order=in-place"}).exit_code, 0);
  EXPECT_EQ(record().nodes.at(0).version, "0.1.0");

  EXPECT_EQ(run({"remove", "n4"}).exit_code, 0);
  EXPECT_EQ(record().nodes.size(), 2U);
  EXPECT_EQ(run({"remove", "n9"}).exit_code, 1);

  const ClusterRecord running = record();
  EXPECT_EQ(run({"down"}).exit_code, 0);
  for (const NodeRecord& node : running.nodes) EXPECT_FALSE(is_running(node.process));
  EXPECT_FALSE(is_running(running.mysql.process));
  EXPECT_EQ(run({"down"}).exit_code, 0);  // Safe to repeat.
}

TEST_F(ClusterProgram, ShowsTheLogOfANodeThatDoesNotStart) {
  fs::create_directories(folder() / "n2");
  std::ofstream(folder() / "n2" / "fail") << "x";

  const Outcome started = up();

  EXPECT_EQ(started.exit_code, 1);
  EXPECT_NE(started.out.find("n2 ended before it was ready: exit code 70"), std::string::npos)
      << started.out;
  EXPECT_NE(started.out.find("told to fail"), std::string::npos) << started.out;
  EXPECT_EQ(run({"status"}).exit_code, 1);  // Nothing is left behind.
}

TEST_F(ClusterProgram, NamesWhoHoldsAPort) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in here{};
  here.sin_family = AF_INET;
  here.sin_port = htons(PortPlan{base_}.of(2, PortPlan::Service::c2s));
  here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&here), sizeof here), 0);
  ASSERT_EQ(listen(fd, 1), 0);

  const Outcome started = up();
  close(fd);

  EXPECT_EQ(started.exit_code, 1);
  EXPECT_NE(started.out.find("is taken by pid " + std::to_string(getpid())), std::string::npos)
      << started.out;
  EXPECT_NE(started.out.find("--port-base="), std::string::npos) << started.out;
}

TEST_F(ClusterProgram, DiesWithItsSupervisor) {
  ASSERT_EQ(up().exit_code, 0);
  const ClusterRecord running = record();

  ASSERT_TRUE(signal_process(running.supervisor, SIGKILL));

  EXPECT_TRUE(await_end(running.supervisor, 10'000));
  for (const NodeRecord& node : running.nodes) EXPECT_TRUE(await_end(node.process, 10'000));
  EXPECT_TRUE(await_end(running.mysql.process, 30'000));
  EXPECT_EQ(run({"down"}).exit_code, 0);
  EXPECT_EQ(up().exit_code, 0);  // The folder can be used again.
}

TEST_F(ClusterProgram, RunsOnceInAFolder) {
  ASSERT_EQ(up().exit_code, 0);

  const Outcome again = up();

  EXPECT_EQ(again.exit_code, 1);
  EXPECT_NE(again.out.find("runs already"), std::string::npos) << again.out;
  EXPECT_EQ(run({"status"}).exit_code, 0);
}

TEST_F(ClusterProgram, SpreadsClientsAndLeavesANodeOutThatIsPaused) {
  ASSERT_EQ(up().exit_code, 0);
  const std::string first = greeting();
  EXPECT_NE(first, greeting());

  ASSERT_EQ(run({"pause", "n1"}).exit_code, 0);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(greeting(), "n2");

  EXPECT_EQ(run({"resume", "n1"}).exit_code, 0);
  EXPECT_EQ(record().nodes.at(0).phase, NodePhase::ready);
}

TEST_F(ClusterProgram, HasADatabaseThatCanBeStoppedAndStarted) {
  ASSERT_EQ(up().exit_code, 0);
  EXPECT_NE(run({"mysql", "--execute=SHOW DATABASES"}).out.find("meerkat"), std::string::npos);

  EXPECT_EQ(run({"mysql-stop"}).exit_code, 0);
  EXPECT_FALSE(record().mysql.running);
  EXPECT_NE(run({"mysql", "--execute=SELECT 1"}).exit_code, 0);

  EXPECT_EQ(run({"mysql-pause"}).exit_code, 1);  // There is none.
  EXPECT_EQ(run({"mysql-start"}).exit_code, 0);
  EXPECT_EQ(run({"mysql", "--execute=SELECT 1"}).exit_code, 0);

  EXPECT_EQ(run({"mysql-pause"}).exit_code, 0);
  EXPECT_NE(run({"mysql", "--connect-timeout=1", "--execute=SELECT 1"}).exit_code, 0);
  EXPECT_EQ(run({"mysql-resume"}).exit_code, 0);
  EXPECT_EQ(run({"mysql", "--execute=SELECT 1"}).exit_code, 0);
}

TEST_F(ClusterProgram, RefusesAMistypedCommandLine) {
  EXPECT_EQ(run({"upgrade"}).exit_code, 64);
  EXPECT_EQ(run({"explode"}).exit_code, 64);
  EXPECT_EQ(run({"up", "--nodes=0"}).exit_code, 64);
  EXPECT_EQ(run({"--name=../x", "status"}).exit_code, 64);
}

}  // namespace
}  // namespace cluster
