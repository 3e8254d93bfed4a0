#include "tools/cluster/gates.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <string>

namespace cluster {
namespace {

using asio::ip::tcp;
using namespace std::chrono_literals;

/// Gates for n1, which is this process, n2 and n3, which are not there but for n2's socket.
class GatesBetweenNodes : public testing::Test {
 protected:
  void SetUp() override {
    for (unsigned number = 1; number <= 3; ++number) {
      NodeRecord node;
      node.number = number;
      node.name = "n" + std::to_string(number);
      record_.nodes.push_back(node);
    }
    record_.nodes[0].process.pid = getpid();
    // Below 32768, where the kernel takes clients' own ports from; tests beside this one may be
    // there too.
    for (unsigned base = 16000 + static_cast<unsigned>(getpid()) % 16 * 500; base < 32000;
         base += 500) {
      record_.ports.base = static_cast<std::uint16_t>(base);
      boost::system::error_code error;
      n2_ = tcp::acceptor(loop_, tcp::v4());
      n2_.bind(at(PortPlan::Service::behind_gate), error);
      if (!error && gates_.open(record_.nodes[1])) break;
    }
    n2_.listen();
  }

  /// Connects as n1 does to n2.
  void dial() { n1_.connect(at(PortPlan::Service::peers)); }

  /// Accepts at n2 what its gate passes on, unless nothing comes.
  bool accepted() {
    bool came = false;
    n2_.async_accept(n2_end_, [&](const boost::system::error_code& error) { came = !error; });
    run_until(came);
    if (!came) n2_.cancel();
    loop_.restart();
    loop_.run_for(1ms);
    return came;
  }

  /// What of `text`, written by n1, arrives at n2.
  std::string crossed(const std::string& text) {
    asio::write(n1_, asio::buffer(text));
    return arrived(text.size());
  }

  std::string arrived(std::size_t bytes) {
    std::string text(bytes, '-');
    bool done = false;
    asio::async_read(n2_end_, asio::buffer(text),
                     [&](const boost::system::error_code& error, auto) { done = !error; });
    run_until(done);
    if (done) return text;
    n2_end_.cancel();
    loop_.restart();
    loop_.run_for(1ms);
    return "";
  }

  /// Long enough for what passes, short enough to see that something does not.
  void run_until(const bool& done) {
    const auto deadline = std::chrono::steady_clock::now() + (expects_nothing_ ? 100ms : 10s);
    while (!done && std::chrono::steady_clock::now() < deadline) {
      loop_.restart();
      loop_.run_one_for(20ms);
    }
  }

  tcp::endpoint at(PortPlan::Service service) {
    return {asio::ip::address_v4::loopback(), record_.ports.of(2, service)};
  }

  asio::io_context loop_;
  ClusterRecord record_;
  tcp::acceptor n2_{loop_};
  Gates gates_{loop_, record_};
  tcp::socket n1_{loop_};
  tcp::socket n2_end_{loop_};
  bool expects_nothing_ = false;
};

TEST_F(GatesBetweenNodes, PassBytesWhileNothingIsCut) {
  dial();

  ASSERT_TRUE(accepted());
  EXPECT_EQ(crossed("hello"), "hello");
}

TEST_F(GatesBetweenNodes, HoldBackWhatCrossesACutPathUntilItIsHealed) {
  dial();
  ASSERT_TRUE(accepted());

  ASSERT_TRUE(gates_.cut("n2", "n1"));
  expects_nothing_ = true;
  EXPECT_EQ(crossed("held"), "");

  ASSERT_TRUE(gates_.heal("n1", "n2"));
  expects_nothing_ = false;
  EXPECT_EQ(arrived(4), "held");
}

TEST_F(GatesBetweenNodes, LetNoNewConnectionAcrossACutPath) {
  ASSERT_TRUE(gates_.cut("n1", "n2"));
  dial();  // The kernel takes it; n2 hears of nothing.

  expects_nothing_ = true;
  EXPECT_FALSE(accepted());

  ASSERT_TRUE(gates_.heal("", ""));
  expects_nothing_ = false;
  EXPECT_TRUE(accepted());
}

TEST_F(GatesBetweenNodes, CutNoOtherPath) {
  ASSERT_TRUE(gates_.cut("n2", "n3"));
  dial();

  ASSERT_TRUE(accepted());
  EXPECT_EQ(crossed("hello"), "hello");
}

TEST_F(GatesBetweenNodes, RefuseConnectionsOfANodeThatHasEnded) {
  gates_.close("n2");
  loop_.run_for(1ms);

  boost::system::error_code error;
  n1_.connect(at(PortPlan::Service::peers), error);
  EXPECT_EQ(error, asio::error::connection_refused);
}

TEST_F(GatesBetweenNodes, SayWhatCannotBeCutOrHealed) {
  EXPECT_EQ(gates_.cut("n1", "n4").error().text, "there is no node n4");
  EXPECT_EQ(gates_.cut("n1", "n1").error().text, "a path has two nodes, not n1 twice");
  EXPECT_EQ(gates_.heal("n1", "n2").error().text, "nothing is cut between n1 and n2");
}

}  // namespace
}  // namespace cluster
