#include "server/storage/blocking_pool.h"

#include <gtest/gtest.h>

#include <future>
#include <thread>
#include <vector>

#include "tests/server/storage/wait_for.h"

namespace server {
namespace {

using namespace std::chrono_literals;

asio::awaitable<std::pair<Result<int>, std::thread::id>> ask(BlockingPool& pool,
                                                             std::function<Result<int>()> work) {
  Result<int> answer = co_await pool.run(std::move(work));
  co_return std::pair(answer, std::this_thread::get_id());
}

TEST(BlockingPool, WorksOnAThreadOfItsOwnAndAnswersOnTheCallers) {
  BlockingPool pool({.threads = 1});
  std::thread::id worker;
  const auto [answer, resumed_on] = wait_for(ask(pool, [&]() -> Result<int> {
    worker = std::this_thread::get_id();
    return 42;
  }));
  EXPECT_EQ(answer.value(), 42);
  EXPECT_NE(worker, std::this_thread::get_id());
  EXPECT_EQ(resumed_on, std::this_thread::get_id());
}

TEST(BlockingPool, HandsErrorsOn) {
  BlockingPool pool({.threads = 1});
  const auto [answer, thread] =
      wait_for(ask(pool, []() -> Result<int> { return make_error_code(StorageErrc::conflict); }));
  EXPECT_EQ(answer.error(), StorageErrc::conflict);
}

// One thread that is held until `release()`, so that jobs behind it wait.
class HeldPool : public testing::Test {
 protected:
  explicit HeldPool(BlockingPoolOptions options = {.threads = 1, .queue_max = 2})
      : pool_(std::move(options)) {
    spawn([this]() -> Result<int> {
      started_.set_value();
      released_.get_future().wait();
      return 0;
    });
    thread_ = std::thread([this] { loop_.run(); });
    started_.get_future().wait();
  }

  ~HeldPool() override {
    thread_.join();
    pool_.stop();
  }

  std::future<Result<int>> spawn(std::function<Result<int>()> work) {
    auto run = [](BlockingPool& pool,
                  std::function<Result<int>()> job) -> asio::awaitable<Result<int>> {
      co_return co_await pool.run(std::move(job));
    };
    return asio::co_spawn(loop_, run(pool_, std::move(work)), asio::use_future);
  }

  void release() { released_.set_value(); }

  asio::io_context loop_;
  std::promise<void> started_, released_;
  BlockingPool pool_;
  std::thread thread_;
};

TEST_F(HeldPool, RefusesAtOnceWhenItsQueueIsFull) {
  auto first = spawn([]() -> Result<int> { return 1; });
  auto second = spawn([]() -> Result<int> { return 2; });
  auto third = spawn([]() -> Result<int> { return 3; });
  // Answered while the thread is still held.
  EXPECT_EQ(third.get().error(), StorageErrc::busy);
  EXPECT_EQ(pool_.load().waiting, 2U);
  EXPECT_EQ(pool_.load().running, 1U);
  EXPECT_EQ(pool_.load().refused, 1U);
  release();
  EXPECT_EQ(first.get().value(), 1);
  EXPECT_EQ(second.get().value(), 2);
}

TEST_F(HeldPool, EndsWaitingJobsWhenItStops) {
  auto waiting = spawn([]() -> Result<int> { return 1; });
  while (pool_.load().waiting == 0) std::this_thread::yield();
  std::thread stopping([this] { pool_.stop(); });
  EXPECT_EQ(waiting.get().error(), StorageErrc::stopped);
  release();
  stopping.join();
  auto run = [](BlockingPool& pool) -> asio::awaitable<Result<int>> {
    auto work = []() -> Result<int> { return 1; };
    co_return co_await pool.run(work);
  };
  EXPECT_EQ(wait_for(run(pool_)).error(), StorageErrc::stopped);
}

class ImpatientHeldPool : public HeldPool {
 protected:
  ImpatientHeldPool() : HeldPool({.threads = 1, .queue_max = 2, .wait_max = 1ms}) {}
};

TEST_F(ImpatientHeldPool, DoesNotRunWhatNobodyWaitsForAnyMore) {
  bool ran = false;
  auto job = spawn([&]() -> Result<int> {
    ran = true;
    return 1;
  });
  while (pool_.load().waiting == 0) std::this_thread::yield();
  const auto since = std::chrono::steady_clock::now();
  while (std::chrono::steady_clock::now() - since < 2ms) std::this_thread::yield();
  release();
  EXPECT_EQ(job.get().error(), StorageErrc::unavailable);
  EXPECT_FALSE(ran);
}

TEST(BlockingPool, KeepsTheCallersLoopRunningAndLosesNothingUnderLoad) {
  BlockingPool pool({.threads = 4});
  asio::io_context loop;
  constexpr int jobs = 2'000;
  int sum = 0;  // Only this loop's thread adds.
  auto run = [](BlockingPool& on, int n, int& total) -> asio::awaitable<void> {
    auto work = [n]() -> Result<int> { return n; };
    Result<int> answer = co_await on.run(work);
    total += answer.value();
  };
  std::vector<std::future<void>> done;
  for (int n = 0; n < jobs; ++n) {
    done.push_back(asio::co_spawn(loop, run(pool, n, sum), asio::use_future));
  }
  loop.run();
  for (auto& one : done) one.get();
  EXPECT_EQ(sum, jobs * (jobs - 1) / 2);
}

}  // namespace
}  // namespace server
