// slixmpp, which most bots and many services are made with.

#include <gtest/gtest.h>

#include <cstdio>
#include <string>

#include "tests/support/mariadb.h"
#include "tests/support/node_process.h"

namespace tests {
namespace {

TEST(Slixmpp, ChatsOverTwoNodesAndAsksTheServer) {
  const MariaDb database;
  ClusterOfNodes cluster(database, "slixmpp", 2);
  const std::string command = "python3 " + runfile("tests/clients/slixmpp_chat.py") + " " +
                              std::to_string(cluster.node(0).c2s_port()) + " " +
                              std::to_string(cluster.node(1).c2s_port()) + " 2>&1";
  FILE* output = popen(command.c_str(), "r");
  ASSERT_NE(output, nullptr);
  std::string said;
  char buffer[1024];
  while (fgets(buffer, sizeof buffer, output) != nullptr) said += buffer;
  EXPECT_EQ(pclose(output), 0) << "needs Debian's packages python3 and python3-slixmpp; it said:\n"
                               << said;
  EXPECT_NE(said.find("all went well"), std::string::npos) << said;
}

}  // namespace
}  // namespace tests
