#include "server/storage/blocking_pool.h"

#include <cassert>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

namespace server {

class BlockingPool::Threads {
 public:
  explicit Threads(BlockingPoolOptions options) : options_(std::move(options)) {
    assert(options_.threads > 0);
    threads_.reserve(options_.threads);
    for (std::size_t n = 0; n < options_.threads; ++n) threads_.emplace_back([this] { serve(); });
  }

  ~Threads() { stop(); }

  void submit(std::unique_ptr<Job> job) {
    StorageErrc why = StorageErrc::busy;
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) {
        why = StorageErrc::stopped;
      } else if (waiting_.size() < options_.queue_max) {
        waiting_.push_back({std::move(job), Clock::now()});
        wake_.notify_one();
        return;
      }
      ++refused_;
    }
    job->refuse(why);
  }

  void stop() {
    std::deque<Waiting> left;
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
      left.swap(waiting_);
      refused_ += left.size();
      wake_.notify_all();
    }
    for (Waiting& waiting : left) waiting.job->refuse(StorageErrc::stopped);
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }

  Load load() const {
    const std::lock_guard lock(mutex_);
    return {.threads = options_.threads,
            .running = running_,
            .waiting = waiting_.size(),
            .refused = refused_};
  }

 private:
  using Clock = std::chrono::steady_clock;

  struct Waiting {
    std::unique_ptr<Job> job;
    Clock::time_point since;
  };

  void serve() {
    std::unique_lock lock(mutex_);
    while (true) {
      wake_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
      if (waiting_.empty()) return;
      Waiting next = std::move(waiting_.front());
      waiting_.pop_front();
      const Clock::duration waited = Clock::now() - next.since;
      const bool late = waited > options_.wait_max;
      if (late) {
        ++refused_;
      } else {
        ++running_;
      }
      lock.unlock();
      if (options_.on_waited) options_.on_waited(waited);
      if (late) {
        next.job->refuse(StorageErrc::unavailable);
      } else {
        next.job->run();
      }
      next.job.reset();
      lock.lock();
      if (!late) --running_;
    }
  }

  const BlockingPoolOptions options_;
  std::vector<std::thread> threads_;

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Waiting> waiting_;
  bool stopping_ = false;
  std::size_t running_ = 0;
  std::uint64_t refused_ = 0;
};

BlockingPool::BlockingPool(BlockingPoolOptions options)
    : threads_(std::make_unique<Threads>(std::move(options))) {}

BlockingPool::~BlockingPool() = default;

void BlockingPool::submit(std::unique_ptr<Job> job) { threads_->submit(std::move(job)); }
void BlockingPool::stop() { threads_->stop(); }
BlockingPool::Load BlockingPool::load() const { return threads_->load(); }

}  // namespace server
