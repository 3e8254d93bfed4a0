#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>

#include "loadgen/child_process.h"
#include "loadgen/cluster_file.h"
#include "loadgen/node_probe.h"
#include "loadgen/target.h"

namespace loadgen {
namespace {

TEST(ClusterFile, ReadsWhatTheSupervisorWrites) {
  const auto file = parse_cluster_file(R"({"name":"default","domain":"localhost","ca":"ca.crt",
      "nodes":[{"name":"n1","state":"ready","version":"0.5.0","c2s":"127.0.0.1:15122",
                "c2s_tls":"127.0.0.1:15123","health":"127.0.0.1:15199","pid":4711},
               {"name":"n2","state":"stopped","c2s":"127.0.0.1:15222"}],
      "accounts":{"prefix":"load","password":"secret","count":3000}, "later":[1]})");
  ASSERT_TRUE(file.has_value()) << file.error().text;
  EXPECT_EQ(file->domain, "localhost");
  ASSERT_EQ(file->nodes.size(), 2U);
  EXPECT_EQ(file->nodes[0].pid, 4711);
  EXPECT_EQ(file->nodes[1].state, "stopped");
  EXPECT_EQ(file->accounts_count, 3'000U);
}

TEST(ClusterFile, RefusesWhatIsNone) {
  for (const char* text :
       {"", "[]", "{}", R"({"domain":"localhost"})", R"({"domain":5,"nodes":[]})"}) {
    EXPECT_TRUE(parse_cluster_file(text).has_error()) << text;
  }
}

TEST(Metrics, SumsTheSeriesOfOneNameAndNoOther) {
  const char* page =
      "# TYPE meerkat_sessions gauge\n"
      "meerkat_sessions{transport=\"tcp\"} 40\n"
      "meerkat_sessions{transport=\"web socket\"} 2\n"
      "meerkat_sessions_max 99\n";
  EXPECT_EQ(metric_sum(page, "meerkat_sessions"), 42);
  EXPECT_EQ(metric_sum(page, "meerkat_sessions_max"), 99);
  EXPECT_FALSE(metric_sum(page, "meerkat"));
}

TEST(ProcessUsage, KnowsThisProcessAndNoneThatIsNot) {
  const auto usage = process_usage(getpid());
  ASSERT_TRUE(usage);
  EXPECT_GT(usage->resident_bytes, 1'000'000U);
  EXPECT_FALSE(process_usage(0));
  EXPECT_FALSE(process_usage(-1));
}

TargetSpec spec(const std::string& name, bool accepts = true) {
  Endpoint endpoint;
  endpoint.text = name + ":5222";
  return {name, endpoint, accepts};
}

TEST(TargetList, SpreadsEvenlyOverThoseThatAccept) {
  TargetList targets;
  targets.replace({spec("n1"), spec("n2"), spec("n3", false)});
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(targets.choose(Micros(0)));
  EXPECT_EQ(targets.find("n1")->clients.load(), 5);
  EXPECT_EQ(targets.find("n2")->clients.load(), 5);
  EXPECT_EQ(targets.find("n3")->clients.load(), 0);
}

TEST(TargetList, SendsNewcomersToANewNodeUntilItHasCaughtUp) {
  TargetList targets;
  targets.replace({spec("n1")});
  for (int i = 0; i < 6; ++i) targets.choose(Micros(0));
  targets.replace({spec("n1"), spec("n2")});
  for (int i = 0; i < 6; ++i) EXPECT_EQ(targets.choose(Micros(0))->name, "n2");
}

TEST(TargetList, LeavesOneAloneThatDrainsOrRefusedAMomentAgo) {
  TargetList targets;
  targets.replace({spec("n1"), spec("n2")});
  targets.find("n1")->avoid_until = 100;
  EXPECT_EQ(targets.choose(Micros(50))->name, "n2");
  EXPECT_EQ(targets.choose(Micros(100))->name, "n1");
  targets.replace({spec("n1", false), spec("n2", false)});
  EXPECT_FALSE(targets.choose(Micros(200)));
  targets.replace({spec("n2")});
  EXPECT_EQ(targets.choose(Micros(200))->name, "n2");
  EXPECT_FALSE(targets.find("n1")->accepts.load());
}

/// Turns the poller until `done`, at most ten seconds.
template <class Done>
bool turn_until(Poller& poller, Done done) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!done() && std::chrono::steady_clock::now() < end) {
    poller.turn(std::chrono::milliseconds(20));
  }
  return done();
}

TEST(ChildProcess, TellsProgressLineByLineThenOutputAndExitCode) {
  Poller poller;
  std::vector<std::string> lines;
  std::optional<int> code;
  std::string output;
  ChildProcess child(poller,
                     {.on_progress = [&](const std::string& line) { lines.push_back(line); },
                      .on_ended =
                          [&](int exit_code, const std::string& text) {
                            code = exit_code;
                            output = text;
                          }});
  ASSERT_TRUE(child.start({"/bin/sh", "-c", "echo one >&2; echo two >&2; echo result; exit 7"})
                  .has_value());
  ASSERT_TRUE(turn_until(poller, [&] { return code.has_value(); }));
  EXPECT_EQ(lines, (std::vector<std::string>{"one", "two"}));
  EXPECT_EQ(output, "result\n");
  EXPECT_EQ(code, 7);
}

TEST(ChildProcess, SaysSoWhenThereIsNoSuchProgram) {
  Poller poller;
  ChildProcess child(poller, {.on_progress = nullptr, .on_ended = nullptr});
  EXPECT_TRUE(child.start({"/no/such/program"}).has_error());
}

}  // namespace
}  // namespace loadgen
