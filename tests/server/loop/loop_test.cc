#include "server/loop/loop.h"

#include <gtest/gtest.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace server {
namespace {

/// Runs `task` on the loop and waits for it.
void run_on(Loop& loop, const Loop::Task& task) {
  std::promise<void> done;
  loop.post([&] {
    task();
    done.set_value();
  });
  done.get_future().wait();
}

struct CountsFlushes final : Loop::Flushable {
  void flush() override { ++flushes; }
  int flushes = 0;
};

struct NotesEvents final : Loop::Watcher {
  void on_ready(std::uint32_t events) override {
    seen.push_back(events);
    then();
  }
  std::vector<std::uint32_t> seen;
  std::function<void()> then;
};

TEST(Loop, RunsWhatOneThreadPostsInOrderAndLosesNothing) {
  constexpr int senders = 4;
  constexpr int tasks = 5000;
  Loop loop(0);
  loop.start();
  std::vector<std::vector<int>> seen(senders);  // Touched by the loop alone.
  std::vector<std::thread> threads;
  threads.reserve(senders);
  for (int sender = 0; sender < senders; ++sender) {
    threads.emplace_back([&loop, &seen, sender] {
      for (int number = 0; number < tasks; ++number) {
        loop.post(
            [&seen, sender, number] { seen[static_cast<std::size_t>(sender)].push_back(number); });
      }
    });
  }
  for (auto& thread : threads) thread.join();
  run_on(loop, [] {});
  loop.stop();
  for (const auto& numbers : seen) {
    ASSERT_EQ(numbers.size(), static_cast<std::size_t>(tasks));
    for (int number = 0; number < tasks; ++number) {
      EXPECT_EQ(numbers[static_cast<std::size_t>(number)], number);
    }
  }
}

// Hardening E1: what others send is refused when too much waits; the node's own tasks are not.
TEST(Loop, RefusesWhatOthersOfferWhileItsMailboxIsFull) {
  Loop loop(0);  // Not started: nothing is taken out.
  int ran = 0;
  constexpr std::size_t bytes = Loop::mailbox_bytes_max / 8;
  int taken = 0;
  while (loop.offer([&ran] { ++ran; }, bytes)) ASSERT_LE(++taken, 8);
  EXPECT_GE(taken, 7);
  loop.post([&ran] { ++ran; });
  EXPECT_FALSE(loop.offer([&ran] { ++ran; }, 0));
  loop.poll();
  EXPECT_EQ(ran, taken + 1);
  EXPECT_TRUE(loop.offer([&ran] { ++ran; }, bytes));
  loop.poll();
  EXPECT_EQ(ran, taken + 2);
}

TEST(Loop, TellsAWatcherWhatItAsksForUntilItStops) {
  Loop loop(0);
  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
  Descriptor near(ends[0]);
  Descriptor far(ends[1]);
  auto watcher = std::make_shared<NotesEvents>();
  watcher->then = [&] { loop.unwatch(near.number()); };
  ASSERT_FALSE(loop.watch(near.number(), EPOLLIN, watcher));
  loop.poll();
  EXPECT_EQ(watcher->seen, std::vector<std::uint32_t>());
  ASSERT_EQ(::write(far.number(), "x", 1), 1);
  loop.poll();
  EXPECT_EQ(watcher->seen, std::vector<std::uint32_t>{EPOLLIN});
  ASSERT_FALSE(loop.watch(near.number(), EPOLLOUT, watcher));
  loop.poll();
  EXPECT_EQ(watcher->seen, (std::vector<std::uint32_t>{EPOLLIN, EPOLLOUT}));
}

TEST(Loop, KeepsAWatcherWhileItWatchesEvenWhenThatEndsInItsOwnCall) {
  Loop loop(0);
  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
  Descriptor near(ends[0]);
  auto watcher = std::make_shared<NotesEvents>();
  const std::weak_ptr<NotesEvents> watched = watcher;
  watcher->then = [&] {
    loop.unwatch(near.number());
    EXPECT_FALSE(watched.expired());
  };
  ASSERT_FALSE(loop.watch(near.number(), EPOLLIN, std::move(watcher)));
  EXPECT_FALSE(watched.expired());
  Descriptor(ends[1]).close();
  loop.poll();
  EXPECT_TRUE(watched.expired());
}

TEST(Loop, RunsWhatIsDueInTheOrderOfTheTimes) {
  Loop loop(0);
  std::string order;
  std::promise<void> done;
  loop.after(std::chrono::milliseconds(20), [&] {
    order += 'b';
    done.set_value();
  });
  loop.after(std::chrono::milliseconds(1), [&] { order += 'a'; });
  loop.start();
  ASSERT_EQ(done.get_future().wait_for(std::chrono::seconds(10)), std::future_status::ready);
  loop.stop();
  EXPECT_EQ(order, "ab");
}

TEST(Loop, DelaysACoroutine) {
  Loop loop(0);
  std::promise<std::chrono::steady_clock::duration> delayed;
  const auto nap = [&]() -> asio::awaitable<void> {
    const auto begun = std::chrono::steady_clock::now();
    co_await loop.delay(std::chrono::milliseconds(5));
    delayed.set_value(std::chrono::steady_clock::now() - begun);
  };
  asio::co_spawn(loop.executor(), nap, [](std::exception_ptr failed) { EXPECT_FALSE(failed); });
  loop.start();
  auto time = delayed.get_future();
  ASSERT_EQ(time.wait_for(std::chrono::seconds(10)), std::future_status::ready);
  EXPECT_GE(time.get(), std::chrono::milliseconds(5));
  loop.stop();
}

TEST(Loop, DropsACoroutineThatStillWaitsWhenItEnds) {
  auto loop = std::make_unique<Loop>(0);
  auto held = std::make_shared<int>(0);
  const std::weak_ptr<int> watched = held;
  const auto nap = [&loop = *loop](std::shared_ptr<int>) -> asio::awaitable<void> {
    co_await loop.delay(std::chrono::hours(1));
  };
  asio::co_spawn(loop->executor(), nap(std::exchange(held, nullptr)), [](std::exception_ptr) {});
  loop->poll();
  EXPECT_FALSE(watched.expired());
  loop.reset();
  EXPECT_TRUE(watched.expired());
}

TEST(Loop, RunsCompletionsOfAsioThroughItsMailbox) {
  Loop loop(0);
  std::promise<std::thread::id> ran_on;
  asio::post(loop.executor(), [&] { ran_on.set_value(std::this_thread::get_id()); });
  loop.start();
  auto ran = ran_on.get_future();
  ASSERT_EQ(ran.wait_for(std::chrono::seconds(10)), std::future_status::ready);
  EXPECT_NE(ran.get(), std::this_thread::get_id());
  loop.stop();
}

TEST(Loop, RunsATaskThatATaskPosts) {
  Loop loop(0);
  loop.start();
  std::promise<void> reached;
  loop.post([&] { loop.post([&] { reached.set_value(); }); });
  EXPECT_EQ(reached.get_future().wait_for(std::chrono::seconds(10)), std::future_status::ready);
  loop.stop();
}

TEST(Loop, FlushesAfterTheTurnAndKeepsTheObjectUntilThen) {
  Loop loop(0);
  loop.start();
  auto object = std::make_shared<CountsFlushes>();
  std::weak_ptr<CountsFlushes> watched = object;
  int during_the_turn = -1;
  run_on(loop, [&] {
    loop.flush_later(object);
    during_the_turn = object->flushes;
  });
  EXPECT_EQ(during_the_turn, 0);
  run_on(loop, [] {});
  run_on(loop, [&] { EXPECT_EQ(object->flushes, 1); });
  object.reset();
  EXPECT_TRUE(watched.expired());
  loop.stop();
}

TEST(Loop, TicksAndSaysWhen) {
  Loop loop(0);
  std::promise<void> ticked;
  bool has_ticked = false;
  loop.on_tick([&] {
    if (!std::exchange(has_ticked, true)) ticked.set_value();
  });
  const auto before = std::chrono::steady_clock::now();
  loop.start();
  ASSERT_EQ(ticked.get_future().wait_for(std::chrono::seconds(10)), std::future_status::ready);
  EXPECT_GE(loop.last_tick(), before);
  loop.stop();
}

}  // namespace
}  // namespace server
