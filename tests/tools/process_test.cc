#include "tools/cluster/process.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace cluster {
namespace {

constexpr int limit_ms = 10'000;

/// A child that waits to be ended.
ProcessKey waiting_child() {
  const auto child = spawn({.arguments = {"sleep", "600"},
                            .environment = {},
                            .output = "/dev/null",
                            .input = {},
                            .folder = {},
                            .parent_death_signal = SIGKILL});
  EXPECT_TRUE(child) << child.error().text;
  return *child;
}

void end(const ProcessKey& key) {
  kill(key.pid, SIGKILL);
  waitpid(key.pid, nullptr, 0);
}

TEST(Process, IsTheOneWithTheSameStartTime) {
  const ProcessKey child = waiting_child();

  EXPECT_TRUE(is_running(child));
  EXPECT_EQ(find_process(child.pid), child);
  end(child);
  EXPECT_FALSE(is_running(child));
}

TEST(Process, IsNeverSignalledWhenOnlyThePidIsTheSame) {
  const ProcessKey child = waiting_child();
  const ProcessKey former{child.pid, child.start_ticks - 1};  // As if the pid had been reused.

  EXPECT_FALSE(is_running(former));
  EXPECT_FALSE(signal_process(former, SIGKILL));

  EXPECT_TRUE(is_running(child));
  EXPECT_TRUE(signal_process(child, SIGKILL));
  EXPECT_TRUE(await_end(child, limit_ms));
  waitpid(child.pid, nullptr, 0);
}

TEST(Process, WithoutANumberIsNobody) {
  EXPECT_FALSE(is_running({}));
  EXPECT_FALSE(signal_process({}, SIGKILL));  // Pid 0 would be our own group.
}

TEST(Process, ThatCannotBeStartedIsAFaultThatNamesIt) {
  const auto child = spawn({.arguments = {"/no/such/program"},
                            .environment = {},
                            .output = "/dev/null",
                            .input = {},
                            .folder = {},
                            .parent_death_signal = SIGKILL});

  ASSERT_FALSE(child);
  EXPECT_EQ(child.error().text, "cannot run /no/such/program: No such file or directory");
}

TEST(Process, WritesItsOutputToItsFile) {
  const std::filesystem::path file =
      std::filesystem::path(std::getenv("TEST_TMPDIR")) / "output.txt";
  const auto child = spawn({.arguments = {"sh", "-c", "echo $WORD; echo fault >&2"},
                            .environment = {{"WORD", "hello"}},
                            .output = file,
                            .input = {},
                            .folder = {},
                            .parent_death_signal = SIGKILL});
  ASSERT_TRUE(child);
  int status = 0;
  waitpid(child->pid, &status, 0);

  std::ifstream lines(file);
  std::string first, second;
  std::getline(lines, first);
  std::getline(lines, second);
  EXPECT_EQ(first, "hello");
  EXPECT_EQ(second, "fault");
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace cluster
