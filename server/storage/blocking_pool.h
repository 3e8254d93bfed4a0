#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/execution/outstanding_work.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "server/storage/error.h"

namespace server {

namespace asio = boost::asio;

struct BlockingPoolOptions {
  std::size_t threads = 4;
  std::size_t queue_max = 10'000;  ///< Jobs that wait; one more is refused with `busy`.

  /// A job that waited longer is refused with `unavailable` instead of run: who asked has given up.
  std::chrono::milliseconds wait_max{5'000};

  /// [pool's threads] Called with the time that each job waited. May be empty.
  std::function<void(std::chrono::nanoseconds)> on_waited{};
};

/// A few threads for work that blocks: the database, hashing of passwords. The loops never block.
///
/// Threads: all members may be called from any thread but the pool's own.
class BlockingPool {
 public:
  explicit BlockingPool(BlockingPoolOptions options);
  ~BlockingPool();  // Stops.

  BlockingPool(const BlockingPool&) = delete;
  BlockingPool& operator=(const BlockingPool&) = delete;

  /// Runs `work`, a callable without arguments that returns a Result<T> and owns all it uses, on
  /// one of the threads, and resumes the caller on its own executor with what it returned.
  /// Errors, without `work` having been run: busy, unavailable (waited too long), stopped.
  template <class Work>
  asio::awaitable<std::invoke_result_t<Work&>> run(Work work) {
    using Answer = std::invoke_result_t<Work&>;
    co_return co_await asio::async_initiate<const asio::use_awaitable_t<>, void(Answer)>(
        Submit<Work>{this}, asio::use_awaitable, std::move(work));
  }

  /// Refuses new jobs, ends those that wait with `stopped`, and waits for those that run.
  void stop();

  struct Load {
    std::size_t threads = 0, running = 0, waiting = 0;
    std::uint64_t refused = 0;  ///< In all, for any reason.
  };
  [[nodiscard]] Load load() const;

 private:
  /// Something to be done on the pool; exactly one of the two is called, once.
  class Job {
   public:
    virtual ~Job() = default;
    virtual void run() = 0;
    virtual void refuse(StorageErrc why) = 0;
  };

  template <class Work, class Handler>
  class JobOf final : public Job {
   public:
    using Answer = std::invoke_result_t<Work&>;

    JobOf(Work work, Handler handler)
        : work_(std::move(work)),
          handler_(std::move(handler)),
          home_(asio::prefer(asio::get_associated_executor(*handler_),
                             asio::execution::outstanding_work.tracked)) {}

    void run() override {
      Answer answer = work_();
      finish(std::move(answer));
    }

    void refuse(StorageErrc why) override { finish(failure<Answer>(make_error_code(why))); }

   private:
    void finish(Answer answer) {
      auto resume = [handler = std::move(*handler_), answer = std::move(answer)]() mutable {
        std::move(handler)(std::move(answer));
      };
      handler_.reset();
      asio::post(home_, std::move(resume));
    }

    Work work_;
    std::optional<Handler> handler_;
    asio::any_io_executor home_;  // Keeps the caller's loop running until it has its answer.
  };

  template <class Work>
  struct Submit {
    BlockingPool* pool;

    template <class Handler>
    void operator()(Handler&& handler, Work work) const {
      pool->submit(std::make_unique<JobOf<Work, std::decay_t<Handler>>>(
          std::move(work), std::forward<Handler>(handler)));
    }
  };

  void submit(std::unique_ptr<Job> job);

  class Threads;
  std::unique_ptr<Threads> threads_;
};

}  // namespace server
