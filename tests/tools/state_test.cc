#include "tools/cluster/state.h"

#include <gtest/gtest.h>

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "tools/cluster/table.h"

namespace cluster {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

fs::path test_folder() { return std::getenv("TEST_TMPDIR"); }

ClusterRecord two_nodes() {
  ClusterRecord record;
  record.folder = test_folder();
  record.supervisor = {10, 100};
  record.program = "/opt/meerkatd";
  record.nodes = {{"n1", 1, NodePhase::ready, "0.1.0", "/opt/meerkatd", {11, 101}},
                  {"n2", 2, NodePhase::stopped, "", "/opt/meerkatd", {}}};
  record.mysql.port = 15006;
  record.mysql.running = true;
  record.mysql.socket = "/tmp/mysql.sock";
  record.mysql.process = {12, 102};
  record.accounts = {"load", "secret", 2000};
  record.settings = {"archive-enabled=false"};
  return record;
}

TEST(ClusterFile, ReadsBackWhatWasWritten) {
  const ClusterRecord written = two_nodes();
  ASSERT_TRUE(write_record(written));

  const auto read = read_record(written.folder);

  ASSERT_TRUE(read) << read.error().text;
  EXPECT_EQ(read->nodes, written.nodes);
  EXPECT_EQ(read->mysql, written.mysql);
  EXPECT_EQ(read->accounts, written.accounts);
  EXPECT_EQ(read->supervisor, written.supervisor);
  EXPECT_EQ(read->program, written.program);
  EXPECT_EQ(read->settings, written.settings);
}

// What loadgen/ reads: addresses spelt out, processes by pid and start time.
TEST(ClusterFile, SpellsOutEachNodesAddresses) {
  const json::object object = to_json(two_nodes());

  const json::object& node = object.at("nodes").as_array().at(0).as_object();
  EXPECT_EQ(node.at("name"), "n1");
  EXPECT_EQ(node.at("state"), "ready");
  EXPECT_EQ(node.at("version"), "0.1.0");
  EXPECT_EQ(node.at("c2s"), "127.0.0.1:15122");
  EXPECT_EQ(node.at("c2s_tls"), "127.0.0.1:15123");
  EXPECT_EQ(node.at("health"), "127.0.0.1:15199");
  EXPECT_EQ(node.at("admin"), "127.0.0.1:15198");
  EXPECT_EQ(node.at("peers"), "127.0.0.1:15190");
  EXPECT_EQ(node.at("pid").to_number<int>(), 11);
  EXPECT_EQ(node.at("start_ticks").to_number<int>(), 101);
  EXPECT_EQ(object.at("domain"), "localhost");
  EXPECT_EQ(object.at("ca").as_string(), (test_folder() / "ca.crt").string());
  EXPECT_EQ(object.at("accounts").as_object().at("count").to_number<int>(), 2000);
}

TEST(ClusterFile, IsForItsOwnerOnly) {
  ASSERT_TRUE(write_record(two_nodes()));

  const auto permissions = fs::status(test_folder() / "cluster.json").permissions();
  EXPECT_EQ(permissions, fs::perms::owner_read | fs::perms::owner_write);
}

TEST(ClusterFile, DamagedIsAFaultAndNotACrash) {
  const fs::path folder = test_folder() / "damaged";
  fs::create_directories(folder);
  for (const char* text : {"", "{", "[]", "{}", R"({"name": 7})", R"({"name":"x","nodes":{}})"}) {
    std::ofstream(folder / "cluster.json") << text;
    EXPECT_FALSE(read_record(folder)) << text;
  }
}

TEST(ClusterFile, AbsentSaysHowToStart) {
  const auto read = read_record(test_folder() / "nowhere");
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().fix, "cluster up");
}

TEST(PortPlan, StaysBelowTheLastPort) {
  for (const std::uint16_t base : {15000, 25000, 55000, 58000}) {
    const PortPlan ports{base};
    const unsigned last = ports.nodes_max();
    EXPECT_EQ(ports.of(last, PortPlan::Service::health), base + 100U * last + 99U);
    EXPECT_GT(base + 100U * (last + 1) + 99U, 65535U);
  }
}

TEST(Table, SetsColumnsByCharacters) {
  EXPECT_EQ(columns({{"näme", "x"}, {"n1", "y"}, {"n2"}}, " "), " näme  x\n n1    y\n n2\n");
}

TEST(Table, GroupsFiguresAndSumsThem) {
  const std::string text = status_table(
      two_nodes(), [](const std::string& node) { return node == "n1" ? 10112 : 4020; });
  EXPECT_NE(text.find("10,112"), std::string::npos) << text;
  EXPECT_NE(text.find("sessions 14,132"), std::string::npos) << text;
}

}  // namespace
}  // namespace cluster
