#include "server/ctl/render.h"

#include <gtest/gtest.h>

#include <boost/json/array.hpp>

namespace server::ctl {
namespace {

namespace json = boost::json;

json::object node(const char* name, const char* version, const char* state, int since, int sessions,
                  double lag, int backlog, double mysql, double lease) {
  return {{"name", name},
          {"version", version},
          {"state", state},
          {"since_s", since},
          {"sessions", sessions},
          {"peers_joined", 2},
          {"peers_known", 2},
          {"lag_p99_s", lag},
          {"backlog_records", backlog},
          {"mysql", "ok"},
          {"mysql_round_trip_s", mysql},
          {"lease_remaining_s", lease}};
}

json::object three_nodes() {
  json::array nodes = {node("n1", "0.5.0", "ready", 29, 10'112, 0.0006, 0, 0.0004, 9.8),
                       node("n2", "0.4.0", "draining", 17, 4'020, 0.0007, 3, 0.0005, 11.2),
                       node("n3", "0.4.0", "ready", 183'600, 15'868, 0.0006, 0, 0.0004, 8.0)};
  return {{"cluster", "default"}, {"self", "n1"}, {"nodes", nodes}, {"drain", nullptr}};
}

TEST(StatusTable, LooksLikeTheManual) {
  EXPECT_EQ(
      summary(three_nodes()) + node_table(three_nodes()),
      "cluster default: healthy, 3 nodes joined, 30,000 sessions, n2 is draining\n"
      "node  version  state     since   sessions  peers  lag p99  backlog   mysql  lease\n"
      "n1    0.5.0    ready     29s       10,112    2/2   0.6 ms        0  0.4 ms  ok, 9 s left\n"
      "n2    0.4.0    draining  17s        4,020    2/2   0.7 ms        3  0.5 ms  ok, 11 s left\n"
      "n3    0.4.0    ready     2d3h      15,868    2/2   0.6 ms        0  0.4 ms  ok, 8 s left\n");
}

TEST(StatusTable, ShowsADashForWhatIsNotKnown) {
  const json::object status = {
      {"cluster", "c"},
      {"nodes", json::array{json::object{
                    {"name", "n1"}, {"version", "1"}, {"state", "ready"}, {"sessions", nullptr}}}}};
  EXPECT_EQ(node_table(status),
            "node  version  state  since   sessions  peers  lag p99  backlog  mysql  lease\n"
            "n1    1        ready  -              -      -        -        -      -  -\n");
}

TEST(StatusTable, NamesWhatIsNotHealthy) {
  json::object status = three_nodes();
  status["nodes"].as_array()[2].as_object()["state"] = "unreachable";
  status["nodes"].as_array()[0].as_object()["peers_joined"] = 1;
  EXPECT_FALSE(is_healthy(status));
  EXPECT_EQ(summary(status),
            "cluster default: unhealthy, 1 node joined, 30,000 sessions, n1 lacks peers, "
            "n2 is draining, n3 is unreachable\n");
}

TEST(StatusTable, SurvivesWhatIsNoStatus) {
  EXPECT_FALSE(is_healthy({}));
  EXPECT_FALSE(is_healthy({{"nodes", 7}}));
  EXPECT_FALSE(is_healthy({{"nodes", json::array{1, nullptr}}}));
  EXPECT_EQ(summary({}), "cluster : unhealthy, 0 nodes joined, 0 sessions\n");
}

TEST(Ages, UseAtMostTwoUnits) {
  EXPECT_EQ(age(0), "0s");
  EXPECT_EQ(age(59.9), "59s");
  EXPECT_EQ(age(60), "1m");
  EXPECT_EQ(age(61), "1m1s");
  EXPECT_EQ(age(3'600), "1h");
  EXPECT_EQ(age(12'000), "3h20m");
  EXPECT_EQ(age(86'400), "1d");
  EXPECT_EQ(age(183'600), "2d3h");
}

TEST(Numbers, AreGroupedAndRounded) {
  EXPECT_EQ(grouped(0), "0");
  EXPECT_EQ(grouped(999), "999");
  EXPECT_EQ(grouped(1'000), "1,000");
  EXPECT_EQ(grouped(1'234'567), "1,234,567");
  EXPECT_EQ(latency(0.0006), "0.6 ms");
  EXPECT_EQ(latency(0.0124), "12 ms");
  EXPECT_EQ(latency(1.24), "1.2 s");
}

TEST(DrainLine, ShowsHowFarItIs) {
  const json::object drain = {{"phase", "handoff"},          {"sessions_total", 10'000},
                              {"sessions_moved", 5'980},     {"sessions_failed", 0},
                              {"has_successor", true},       {"rate_per_s", 500},
                              {"deadline_remaining_s", 43.2}};
  EXPECT_EQ(drain_line(drain),
            "2 handoff   500/s  5,980 of 10,000 moved  0 failed  60 %  deadline in 00:43");
}

}  // namespace
}  // namespace server::ctl
