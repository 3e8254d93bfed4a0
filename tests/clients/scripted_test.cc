// Clients that are driven by a script: slixmpp, which most bots and many services are made with,
// and profanity, which people use in a terminal.

#include <gtest/gtest.h>

#include <cstdio>
#include <functional>
#include <string>

#include "tests/support/mariadb.h"
#include "tests/support/node_process.h"

namespace tests {
namespace {

/// Runs a script for Romeo on the first node and Juliet on the second; `heard` gets each line that
/// it says. It has to end well.
void run(const std::string& script, ClusterOfNodes& cluster,
         const std::function<void(const std::string&)>& heard = nullptr) {
  const std::string command = "python3 " + runfile("tests/clients/" + script) + " " +
                              std::to_string(cluster.node(0).c2s_port()) + " " +
                              std::to_string(cluster.node(1).c2s_port()) + " 2>&1";
  FILE* output = popen(command.c_str(), "r");
  ASSERT_NE(output, nullptr);
  std::string said;
  char line[1024];
  while (fgets(line, sizeof line, output) != nullptr) {
    said += line;
    if (heard) heard(line);
  }
  EXPECT_EQ(pclose(output), 0)
      << "needs Debian's packages python3-slixmpp, python3-pexpect and profanity-light; it said:\n"
      << said;
  EXPECT_NE(said.find("all went well"), std::string::npos) << said;
}

TEST(Slixmpp, ChatsOverTwoNodesAndAsksTheServer) {
  const MariaDb database;
  ClusterOfNodes cluster(database, "slixmpp", 2);
  run("slixmpp_chat.py", cluster);
}

TEST(Slixmpp, HasContactsOverTwoNodesAndSeesThemGoneWithTheirs) {
  const MariaDb database;
  ClusterOfNodes cluster(database, "slixmpp_roster", 2);
  run("slixmpp_roster.py", cluster, [&](const std::string& line) {
    if (line.starts_with("kill the second node")) cluster.node(1).kill();
  });
}

TEST(Slixmpp, PublishesWhatPeopleHaveAndHearsOfItOverTwoNodes) {
  const MariaDb database;
  ClusterOfNodes cluster(database, "slixmpp_people", 2);
  run("slixmpp_people.py", cluster);
}

TEST(Slixmpp, HearsOnEachDeviceWhatTheOtherSaysAndHears) {
  const MariaDb database;
  ClusterOfNodes cluster(database, "slixmpp_carbons", 2);
  run("slixmpp_carbons.py", cluster);
}

TEST(Slixmpp, GoesAndTakesAnotherPasswordAndRemovesItsAccount) {
  const MariaDb database;
  ClusterOfNodes cluster(database, "slixmpp_account", 2);
  run("slixmpp_account.py", cluster);
}

TEST(Slixmpp, BlocksOverTwoNodes) {
  const MariaDb database;
  ClusterOfNodes cluster(database, "slixmpp_blocking", 2);
  run("slixmpp_blocking.py", cluster);
}

TEST(Slixmpp, IsLeftAloneWhileNobodyLooksAtIt) {
  const MariaDb database;
  ClusterOfNodes cluster(database, "slixmpp_inactive", 2);
  run("slixmpp_inactive.py", cluster);
}

TEST(Slixmpp, GoesOnWithItsSessionOnTheOtherNode) {
  const MariaDb database;
  ClusterOfNodes cluster(database, "slixmpp_resumption", 2);
  run("slixmpp_resumption.py", cluster);
}

TEST(Slixmpp, ReadsAgainWhatWasSaidPageByPage) {
  const MariaDb database;
  ClusterOfNodes cluster(database, "slixmpp_archive", 2);
  run("slixmpp_archive.py", cluster);
}

TEST(Profanity, BefriendsSeesAndChatsOverTwoNodes) {
  const MariaDb database;
  ClusterOfNodes cluster(database, "profanity", 2);
  run("profanity_chat.py", cluster);
}

}  // namespace
}  // namespace tests
