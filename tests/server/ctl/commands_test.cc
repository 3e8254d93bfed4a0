#include "server/ctl/commands.h"

#include <gtest/gtest.h>

#include <optional>
#include <sstream>
#include <thread>

#include "server/admin/admin_server.h"
#include "server/metrics/metrics.h"
#include "tests/server/admin/fake_node.h"

namespace server::ctl {
namespace {

using namespace std::chrono_literals;

/// A node that answers over HTTP, and is not one behind it.
struct Node {
  explicit Node(const std::string& name) : fake(name) {
    server.emplace(AdminServerOptions{.admin = Endpoint{"127.0.0.1", 0}, .token = Secret("token")},
                   fake, metrics);
    EXPECT_TRUE(server->start().has_value());
    endpoint = *server->admin_endpoint();
    fake.set_status({"default", name, {ready("n1", 10), ready("n2", 20)}, {}});
  }
  ~Node() { server->stop(); }

  static NodeStatus ready(const std::string& name, std::uint64_t sessions) {
    NodeStatus status;
    status.name = name;
    status.version = "0.5.0";
    status.state = "ready";
    status.sessions = sessions;
    status.peers_joined = 1;
    status.peers_known = 1;
    return status;
  }

  FakeNode fake;
  Metrics metrics{{"0.5.0", "abc"}};
  std::optional<AdminServer> server;
  Endpoint endpoint;
};

class CommandsTest : public testing::Test {
 protected:
  Commands to(const std::vector<Endpoint>& endpoints, const std::string& token = "token",
              bool is_json = false) {
    std::vector<Client> clients;
    for (const Endpoint& endpoint : endpoints) clients.emplace_back(endpoint, Secret(token));
    return Commands(std::move(clients), {.out = out, .err = err, .is_json = is_json});
  }

  /// Where nobody listens: a port that was free a moment ago.
  static Endpoint nobody() {
    const Node gone("n9");
    return gone.endpoint;
  }

  std::ostringstream out;
  std::ostringstream err;
};

TEST_F(CommandsTest, ShowsTheClusterAsEachNodeKnowsItself) {
  Node n1("n1"), n2("n2");
  n2.fake.set_status({"default", "n2", {Node::ready("n1", 9), Node::ready("n2", 21)}, {}});
  EXPECT_EQ(to({n1.endpoint, n2.endpoint}).status(), done);
  EXPECT_EQ(out.str(),
            "cluster default: healthy, 2 nodes joined, 31 sessions\n"
            "node  version  state  since   sessions  peers  lag p99  backlog  mysql  lease\n"
            "n1    0.5.0    ready  -             10    1/1        -        -      -  -\n"
            "n2    0.5.0    ready  -             21    1/1        -        -      -  -\n");
}

TEST_F(CommandsTest, NamesTheNodesThatDoNotAnswer) {
  Node n1("n1");
  const Endpoint gone = nobody();
  EXPECT_EQ(to({gone, n1.endpoint}).status(), done);
  EXPECT_EQ(err.str(), "meerkatctl: no answer from " + to_string(gone) + " (Connection refused)\n");
}

TEST_F(CommandsTest, ExitsWithWhatScriptsExpect) {
  Node n1("n1");
  EXPECT_EQ(to({nobody()}).status(), no_answer);
  EXPECT_EQ(to({n1.endpoint}, "wrong").status(), check_failed);
  EXPECT_NE(err.str().find("wrong token"), std::string::npos);
  NodeStatus lonely = Node::ready("n1", 0);
  lonely.peers_joined = 0;
  n1.fake.set_status({"default", "n1", {lonely}, {}});
  EXPECT_EQ(to({n1.endpoint}).status(), unhealthy);
}

TEST_F(CommandsTest, LooksAfterUsers) {
  Node n1("n1");
  Commands commands = to({nobody(), n1.endpoint});
  EXPECT_EQ(commands.add_user("juliet@localhost", Secret("r0m30")), done);
  EXPECT_EQ(n1.fake.password_of("juliet@localhost"), "r0m30");
  EXPECT_EQ(commands.add_user("juliet@localhost", Secret("r0m30")), check_failed);
  EXPECT_NE(err.str().find("juliet@localhost exists already"), std::string::npos);
  EXPECT_EQ(commands.set_password("juliet@localhost", Secret("new")), done);
  EXPECT_EQ(n1.fake.password_of("juliet@localhost"), "new");
  EXPECT_EQ(commands.remove_user("juliet@localhost"), done);
  EXPECT_EQ(commands.remove_user("juliet@localhost"), check_failed);
  EXPECT_EQ(
      out.str(),
      "added juliet@localhost\nnew password for juliet@localhost\nremoved juliet@localhost\n");
  EXPECT_EQ(err.str().find("r0m30"), std::string::npos);  // hardening T3
}

TEST_F(CommandsTest, SendsAccountsWithOddCharactersWhole) {
  Node n1("n1");
  Commands commands = to({n1.endpoint});
  for (const char* jid : {"d\\27artagnan@localhost", "a%2fb@localhost", "жук@localhost", "a b@c"}) {
    ASSERT_EQ(commands.add_user(jid, Secret("x")), done);
    // A backslash or slash is refused in a path (hardening H1); %-signs and UTF-8 arrive as sent.
    const bool is_refused = std::string(jid).find('\\') != std::string::npos;
    EXPECT_EQ(commands.set_password(jid, Secret("y")), is_refused ? check_failed : done) << jid;
    EXPECT_EQ(n1.fake.password_of(jid), is_refused ? "x" : "y") << jid;
  }
}

TEST_F(CommandsTest, ListsAllUsersOverSeveralPages) {
  Node n1("n1");
  std::string expected;
  for (int user = 0; user < 2'500; ++user) {
    const std::string jid = "load" + std::to_string(10'000 + user) + "@localhost";
    n1.fake.add_user(jid, Secret("x"), [](ControlResult<void>) {});
    expected += jid + "\n";
  }
  EXPECT_EQ(to({n1.endpoint}).list_users(""), done);
  EXPECT_EQ(out.str(), expected);
}

TEST_F(CommandsTest, DrainsTheNodeOfThatName) {
  Node n1("n1"), n2("n2");
  EXPECT_EQ(to({n1.endpoint, n2.endpoint}).drain({.node = "n2", .rate = "2k/s", .follows = false}),
            done);
  EXPECT_EQ(n2.fake.drain_options().rate, Rate{2000});
  EXPECT_EQ(n1.fake.status().drain.has_value(), false);
  EXPECT_EQ(out.str(), "the drain of n2 has begun\n");
}

TEST_F(CommandsTest, FollowsADrainUntilTheNodeIsGone) {
  std::optional<Node> n1("n1");
  std::thread node_ends([&] {
    while (!n1->fake.status().drain) std::this_thread::yield();
    ClusterStatus status = n1->fake.status();
    status.drain->phase = "settle";
    status.drain->sessions_moved = status.drain->sessions_total;
    n1->fake.set_status(status);
    // The second question shows that the first has been answered.
    const std::size_t asked = n1->fake.status_asked;
    while (n1->fake.status_asked < asked + 2) std::this_thread::yield();
    n1.reset();
  });
  const Endpoint endpoint = n1->endpoint;
  EXPECT_EQ(to({endpoint}).drain({.node = "self"}), done);
  node_ends.join();
  EXPECT_TRUE(
      out.str().ends_with("3 settle    writes flushed, lease released  done\n"
                          "4 exit      left behind: 0\n"))
      << out.str();
}

TEST_F(CommandsTest, CordonsANode) {
  Node n1("n1");
  EXPECT_EQ(to({n1.endpoint}).cordon("n1", true), done);
  EXPECT_TRUE(n1.fake.is_cordoned);
  EXPECT_EQ(to({n1.endpoint}).cordon("n7", true), check_failed);
}

TEST_F(CommandsTest, WaitsForACondition) {
  Node n1("n1");
  EXPECT_EQ(to({n1.endpoint}).wait("joined=2", 5s), done);
  EXPECT_EQ(to({n1.endpoint}).wait("ready", 5s), done);
  EXPECT_EQ(to({n1.endpoint}).wait("joined=3", 0ms), timed_out);
  EXPECT_NE(err.str().find("not joined=3 in time: 2 joined, 1 ready"), std::string::npos);
  EXPECT_EQ(to({nobody()}).wait("drained", 5s), done);
  EXPECT_EQ(to({n1.endpoint}).wait("joined=x", 5s), bad_command_line);
  EXPECT_EQ(to({n1.endpoint}).wait("rich", 5s), bad_command_line);
}

TEST_F(CommandsTest, PrintsJsonForScripts) {
  Node n1("n1");
  EXPECT_EQ(to({n1.endpoint}, "token", true).status(), done);
  EXPECT_TRUE(out.str().starts_with(R"({"cluster":"default","self":"n1","nodes":[{"name":"n1",)"));
}

}  // namespace
}  // namespace server::ctl
