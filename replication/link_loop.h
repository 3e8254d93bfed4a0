#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <memory>
#include <utility>

namespace replication {

namespace asio = boost::asio;

/// The loop that runs a node's tasks, which may go on when the node has ended: then none of them
/// runs any more, whatever still lies in its queues.
///
/// Threads: any.
class LinkLoop {
 public:
  explicit LinkLoop(asio::io_context& loop) : io(loop) {}

  /// `handler`, unless the node has ended by then.
  template <class Handler>
  auto task(Handler handler) const {
    return [over = over_, handler = std::move(handler)](auto&&... arguments) mutable {
      if (!*over) handler(std::forward<decltype(arguments)>(arguments)...);
    };
  }

  void end() const { *over_ = true; }
  bool is_over() const { return *over_; }

  asio::io_context& io;

 private:
  std::shared_ptr<std::atomic<bool>> over_ = std::make_shared<std::atomic<bool>>(false);
};

}  // namespace replication
