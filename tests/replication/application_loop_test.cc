// A node on the application's own loop (asio_environment.h).

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <exception>
#include <memory>
#include <string>
#include <thread>

#include "replication/asio_environment.h"
#include "replication/replicated.h"
#include "replication/resume.h"
#include "replication/wire.h"
#include "tests/replication/nodes.h"
#include "tests/replication/proven_peer.h"

namespace replication {
namespace {

namespace asio = boost::asio;

// A node with one table on the loop.
struct Resident {
  Resident(asio::io_context& loop, NodeOptions options)
      : node(std::make_unique<Node>(std::move(options), events, asio_environment(loop))),
        texts(*node, "texts") {}

  PeerAddress address() const { return {node->id().name, "127.0.0.1", node->listen_port()}; }

  EventLog events;
  std::unique_ptr<Node> node;
  TextTable texts;
};

void introduce(Resident& a, Resident& b) {
  ASSERT_TRUE(a.node->start());
  ASSERT_TRUE(b.node->start());
  a.node->set_peers({b.address()});
  b.node->set_peers({a.address()});
}

// Spawns `body` on the loop; what it throws is thrown by run().
void spawn(asio::io_context& loop, asio::awaitable<void> body) {
  asio::co_spawn(loop, std::move(body), [](const std::exception_ptr& thrown) {
    if (thrown) std::rethrow_exception(thrown);
  });
}

// On a loop nobody blocks, not even a test.
asio::awaitable<void> until(std::function<bool()> holds) {
  asio::steady_timer pause(co_await asio::this_coro::executor);
  const Deadline deadline = in(5s);
  while (!holds() && std::chrono::steady_clock::now() < deadline) {
    pause.expires_after(1ms);
    co_await pause.async_wait(asio::use_awaitable);
  }
  EXPECT_TRUE(holds());
}

asio::awaitable<void> both_ready(Resident& a, Resident& b) {
  co_await until([&] { return a.events.has("joined b") && b.events.has("joined a"); });
}

asio::awaitable<void> write_and_leave(Resident& a, Resident& b) {
  co_await both_ready(a, b);
  const auto here = std::this_thread::get_id();
  const Position written = a.texts.put({"romeo", "orchard"}, "a's").value();
  EXPECT_TRUE(co_await replicated(a.texts, written, in(5s)));
  EXPECT_EQ(std::this_thread::get_id(), here);
  EXPECT_EQ(b.texts.size(), 1u);  // Applied before it was acknowledged.
  co_await stop(*a.node);
  EXPECT_EQ(std::this_thread::get_id(), here);
  co_await until([&] { return b.texts.size() == 0; });  // It has said goodbye.
  co_await stop(*b.node);
}

TEST(ApplicationLoop, HoldsTwoNodesThatJoinWriteAndLeave) {
  asio::io_context loop(1);
  Resident a(loop, quick("a")), b(loop, quick("b"));
  introduce(a, b);
  spawn(loop, write_and_leave(a, b));
  loop.run();  // Ends: nodes that have stopped give the loop no work.
  EXPECT_EQ(b.events.count("gone a: the peer left in order"), 1u) << b.events.all();
}

asio::awaitable<void> wait_for_what_never_comes(Resident& a, Result<void>& outcome) {
  outcome = co_await replicated(a.texts, a.texts.position() + 1, in(60s));
}

asio::awaitable<void> stop_and_destroy(Resident& a, Resident& b) {
  co_await both_ready(a, b);
  co_await stop(*a.node);
  a.node.reset();
  co_await stop(*b.node);
}

TEST(ApplicationLoop, EndsPendingWaitsWhenItsNodeStops) {
  asio::io_context loop(1);
  Resident a(loop, quick("a")), b(loop, quick("b"));
  introduce(a, b);
  Result<void> outcome;
  spawn(loop, wait_for_what_never_comes(a, outcome));
  spawn(loop, stop_and_destroy(a, b));
  loop.run();
  EXPECT_EQ(outcome.error(), Errc::stopped);
}

asio::awaitable<void> vanish(Resident& a, Resident& b) {
  co_await both_ready(a, b);
  a.node.reset();  // With reads, timers and perhaps writes of its links under way.
  co_await until([&] { return b.events.has("gone a: "); });
  co_await stop(*b.node);
}

// The loop goes on, and what it still has of the node's must not run.
TEST(ApplicationLoop, OutlivesANodeThatIsDestroyedWithoutAGoodbye) {
  asio::io_context loop(1);
  Resident a(loop, quick("a")), b(loop, quick("b"));
  introduce(a, b);
  spawn(loop, vanish(a, b));
  loop.run();
  EXPECT_EQ(b.events.count("gone a: nobody listens at the peer's address"), 1u) << b.events.all();
}

TEST(ApplicationLoop, MayNeverRunAndStillLetGoOfItsNode) {
  asio::io_context loop(1);
  Resident a(loop, quick("a"));
  ASSERT_TRUE(a.node->start());
  a.node->set_peers({{"b", "localhost", 1}});
  a.node.reset();
  loop.run();
}

// Whoever runs the loop on another thread can block until the node has left it.
TEST(ApplicationLoop, IsLeftByANodeThatAnotherThreadStops) {
  asio::io_context loop(1);
  auto stays = asio::make_work_guard(loop);
  Resident a(loop, quick("a")), b(loop, quick("b"));
  introduce(a, b);
  std::thread runs([&] { loop.run(); });
  EXPECT_TRUE(eventually(5s, [&] { return a.events.has("joined b"); })) << a.events.all();
  a.node->stop();
  a.node.reset();
  EXPECT_TRUE(eventually(5s, [&] { return b.events.has("gone a: the peer left in order"); }));
  b.node->stop();
  stays.reset();
  runs.join();
}

std::string resume_and_settle() {
  Resume resume;
  resume.tables = {{.complete = true, .name = "texts"}};
  return frame(FrameKind::resume, encode(resume)) + frame(FrameKind::caught_up, {}) +
         frame(FrameKind::settled, {});
}

constexpr std::uint16_t texts_number = 0;  // The first table of the node.
constexpr std::size_t callers = 64;

std::string ack(Position position) {
  std::string body;
  put_number(texts_number, body);
  put_number(position, body);
  return frame(FrameKind::log_ack, body);
}

asio::awaitable<void> write_twice(Resident& a, std::size_t caller) {
  for (int turn = 0; turn < 2; ++turn) {
    const Position written = a.texts.put({std::to_string(caller), ""}, "text").value();
    EXPECT_TRUE(co_await replicated(a.texts, written, in(5s)));
  }
}

// Callers that one ack frees all write again before the next frame leaves: it has all their writes.
TEST(ApplicationLoop, SendsWhatCallersWriteInOneTurnInOneFrame) {
  asio::io_context loop(1);
  NodeOptions patient = quick("a");
  patient.silence_max = patient.lag_max = 60s;  // The peer below says no more than it must.
  Resident a(loop, patient);
  ASSERT_TRUE(a.node->start());
  std::thread runs([&] { loop.run(); });
  ProvenPeer peer(a.node->listen_port(), "b", 1);
  peer.send(resume_and_settle());
  EXPECT_TRUE(eventually(5s, [&] { return a.events.has("joined b"); })) << a.events.all();
  asio::post(loop, [&] {
    for (std::size_t caller = 0; caller < callers; ++caller) spawn(loop, write_twice(a, caller));
  });
  for (Position from : {Position{0}, Position{callers}}) {
    const std::string body = peer.next(FrameKind::log);
    WireReader log(body);
    EXPECT_EQ(log.number<std::uint16_t>(), texts_number);
    EXPECT_EQ(log.number<Position>(), from);
    EXPECT_EQ(log.number<Position>(), from + callers);
    peer.send(ack(from + callers));
  }
  a.node->stop();
  runs.join();
}

}  // namespace
}  // namespace replication
