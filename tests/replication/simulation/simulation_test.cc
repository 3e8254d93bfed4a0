// Thousands of lives of small clusters, each drawn from a seed. After a failure:
//
//     bazel run //tests/replication/simulation:simulation_test -- --seed=N --trace

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <sstream>
#include <string>
#include <string_view>

#include "tests/replication/simulation/schedule.h"

namespace replication::simulation {
namespace {

// Some 70 ms each; more than a second under a sanitizer, which looks for other faults than these.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::uint64_t schedules_by_default = 128;
#else
constexpr std::uint64_t schedules_by_default = 2400;
#endif
constexpr std::uint64_t batches = 32;
std::uint64_t schedules_a_batch = schedules_by_default / batches;
char running[64] = "";  // For when an assert ends the process.

void say_what_was_running(int) {
  [[maybe_unused]] auto size =
      ::write(STDERR_FILENO, running, std::char_traits<char>::length(running));
}

Outcome run(std::uint64_t seed, std::ostream* trace) {
  std::snprintf(running, sizeof running, "simulation: aborted at --seed=%llu\n",
                static_cast<unsigned long long>(seed));
  return run_schedule(seed, trace);
}

// The end of what happened, for a person to begin with.
std::string last_lines(const std::string& text, std::size_t count) {
  std::size_t at = text.size();
  for (; count > 0 && at != 0 && at != std::string::npos; --count) at = text.rfind('\n', at - 1);
  return at == std::string::npos ? text : text.substr(at);
}

class Schedules : public testing::TestWithParam<std::uint64_t> {};

TEST_P(Schedules, KeepAllPromises) {
  for (std::uint64_t i = 0; i < schedules_a_batch; ++i) {
    const std::uint64_t seed = 1 + GetParam() * schedules_a_batch + i;
    Outcome outcome = run(seed, nullptr);
    if (outcome.failure.empty()) continue;
    std::ostringstream trace;
    run(seed, &trace);
    FAIL() << "--seed=" << seed << ": " << outcome.failure << "\n" << last_lines(trace.str(), 40);
  }
}
INSTANTIATE_TEST_SUITE_P(Seeds, Schedules, testing::Range<std::uint64_t>(0, batches));

TEST(Schedule, IsTheSameEachTimeForItsSeed) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Outcome once = run(seed, nullptr), again = run(seed, nullptr);
    EXPECT_EQ(once.fingerprint, again.fingerprint) << seed;
    EXPECT_EQ(once.events, again.events) << seed;
    EXPECT_GT(once.events, 100u) << seed;
  }
}

int replay(std::uint64_t seed, std::uint64_t schedules, bool trace) {
  std::uint64_t events = 0;
  for (std::uint64_t i = 0; i < schedules; ++i) {
    Outcome outcome = run(seed + i, trace ? &std::cout : nullptr);
    events += outcome.events;
    if (outcome.failure.empty()) continue;
    std::cout << "--seed=" << seed + i << ": " << outcome.failure << "\n";
    return 1;
  }
  std::cout << schedules << " schedules, " << events << " events: all promises kept\n";
  return 0;
}

}  // namespace
}  // namespace replication::simulation

int main(int argc, char** argv) {
  using namespace replication::simulation;
  signal(SIGABRT, say_what_was_running);
  testing::InitGoogleTest(&argc, argv);
  std::uint64_t seed = 0, schedules = 0;
  bool trace = false;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    auto value = [&](std::string_view flag) -> const char* {
      return argument.starts_with(flag) ? argument.c_str() + flag.size() : nullptr;
    };
    if (const char* text = value("--seed=")) {
      seed = std::strtoull(text, nullptr, 10);
    } else if (const char* text = value("--schedules=")) {
      schedules = std::strtoull(text, nullptr, 10);
    } else if (argument == "--trace") {
      trace = true;
    } else {
      std::cerr << "simulation_test [--seed=N] [--schedules=M] [--trace]\n";
      return 2;
    }
  }
  if (seed != 0) return replay(seed, schedules == 0 ? 1 : schedules, trace);
  if (schedules != 0) schedules_a_batch = (schedules + batches - 1) / batches;
  return RUN_ALL_TESTS();
}
