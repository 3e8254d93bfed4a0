#include "server/loop/loop.h"

#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <thread>
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
  loop.context().poll();
  EXPECT_EQ(ran, taken + 1);
  EXPECT_TRUE(loop.offer([&ran] { ++ran; }, bytes));
  loop.context().poll();
  EXPECT_EQ(ran, taken + 2);
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
