#include "server/metrics/busy_ratio.h"

#include <gtest/gtest.h>

#include <ctime>
#include <future>
#include <thread>

namespace server {
namespace {

using namespace std::chrono_literals;

std::chrono::nanoseconds cpu_of_this_thread() {
  timespec spent{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent);
  return std::chrono::seconds(spent.tv_sec) + std::chrono::nanoseconds(spent.tv_nsec);
}

/// A thread that is watched and spends so much CPU time when it is told to.
class WatchedThread {
 public:
  WatchedThread() { watched_.get_future().wait(); }
  ~WatchedThread() { end(); }

  void end() {
    if (!thread_.joinable()) return;
    end_.set_value();
    thread_.join();
  }

  void spend() {
    spend_.set_value();
    spent_.get_future().wait();
  }

  static constexpr auto cpu = 50ms;
  BusyRatio ratio;

 private:
  std::promise<void> watched_, spend_, spent_, end_;
  std::thread thread_{[this] {
    ratio.watch_this_thread();
    watched_.set_value();
    spend_.get_future().wait();
    for (const auto until = cpu_of_this_thread() + cpu; cpu_of_this_thread() < until;) {
    }
    spent_.set_value();
    end_.get_future().wait();
  }};
};

TEST(BusyRatio, IsTheShareOfTheTimeThatTheThreadWorked) {
  WatchedThread thread;
  const auto before = std::chrono::steady_clock::now();
  thread.ratio.look();
  EXPECT_EQ(thread.ratio.value(), 0);  // One look tells nothing yet.
  thread.spend();
  thread.ratio.look();
  // The time between the looks was no longer than this, and 50 ms of it were work.
  const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - before;
  EXPECT_GE(thread.ratio.value(), 0.99 * (WatchedThread::cpu / passed));
  EXPECT_LE(thread.ratio.value(), 1);
}

TEST(BusyRatio, IsNothingForAThreadThatWaits) {
  WatchedThread thread;
  thread.ratio.look();
  for (const auto until = std::chrono::steady_clock::now() + 20ms;
       std::chrono::steady_clock::now() < until;) {
  }
  thread.ratio.look();
  EXPECT_LT(thread.ratio.value(), 0.5);
  thread.spend();
}

TEST(BusyRatio, MayBeLookedAtBeforeTheThreadBeginsAndAfterItsEnd) {
  BusyRatio none;
  none.look();
  none.look();
  EXPECT_EQ(none.value(), 0);
  WatchedThread thread;
  thread.spend();
  thread.end();
  thread.ratio.look();
  thread.ratio.look();
  EXPECT_EQ(thread.ratio.value(), 0);
}

}  // namespace
}  // namespace server
