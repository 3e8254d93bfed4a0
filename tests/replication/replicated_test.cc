#include "replication/replicated.h"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <exception>
#include <string>
#include <thread>

#include "replication/events.h"
#include "replication/node.h"
#include "replication/table.h"

namespace replication {
namespace {

using namespace std::chrono_literals;
using Texts = Table<std::string, std::string>;

struct Outcome {
  Result<void> reached, late;
  std::thread::id resumed_on;
};

asio::awaitable<void> wait_twice(Texts& texts, Outcome& outcome) {
  Position position = texts.put("k", "text").value();
  outcome.reached = co_await replicated(texts, position, in(5s));
  outcome.resumed_on = std::this_thread::get_id();
  outcome.late = co_await replicated(texts, position + 1, in(20ms));
}

TEST(Replicated, GoesOnOnTheCoroutinesOwnLoop) {
  Events events;
  NodeOptions options{.cluster = "test", .name = "a", .secret = "secret"};
  Node node(options, events);
  Texts texts(node, "texts");
  ASSERT_TRUE(node.start());
  asio::io_context loop;
  Outcome outcome;
  std::exception_ptr thrown;
  asio::co_spawn(loop, wait_twice(texts, outcome),
                 [&](std::exception_ptr exception) { thrown = exception; });
  loop.run();
  EXPECT_EQ(thrown, nullptr);
  EXPECT_TRUE(outcome.reached.has_value());
  EXPECT_EQ(outcome.resumed_on, std::this_thread::get_id());
  EXPECT_EQ(outcome.late.error(), Errc::deadline_passed);
  node.stop();
}

}  // namespace
}  // namespace replication
