#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <mutex>
#include <utility>

namespace server {

/// How an answer that is ready on another thread reaches the admin server's loop. It may come when
/// that is gone already: then it is dropped. [any loop]
class AnswerPost {
 public:
  explicit AnswerPost(boost::asio::io_context& loop) : loop_(&loop) {}

  template <class Run>
  void post(Run run) {
    const std::lock_guard lock(mutex_);
    if (loop_) boost::asio::post(*loop_, std::move(run));
  }

  /// From now on nothing is posted.
  void close() {
    const std::lock_guard lock(mutex_);
    loop_ = nullptr;
  }

 private:
  std::mutex mutex_;
  boost::asio::io_context* loop_;
};

}  // namespace server
