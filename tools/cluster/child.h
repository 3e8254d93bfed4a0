#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "tools/cluster/fault.h"
#include "tools/cluster/process.h"

namespace boost::asio {
class io_context;
}

namespace cluster {

namespace asio = boost::asio;

using Deadline = std::chrono::steady_clock::time_point;

/// A process that we started and reap.
///
/// Threads: lives on the loop it is given. The supervisor has one loop, run by its main thread.
class Child {
 public:
  static Result<std::shared_ptr<Child>> start(asio::io_context& loop, const SpawnOptions& options);

  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child();

  [[nodiscard]] const ProcessKey& key() const { return key_; }
  [[nodiscard]] bool running() const { return !end_.has_value(); }

  /// "exit code 3" or "signal 9"; empty while it runs.
  [[nodiscard]] std::string how_it_ended() const;

  /// Its exit code, 128 + the signal, or absent while it runs.
  [[nodiscard]] std::optional<int> exit_code() const;

  /// Nothing happens if it has ended.
  void signal(int signal);

  /// Waits for its end; true once it has ended, false at the deadline.
  asio::awaitable<bool> ended(Deadline deadline);

 private:
  struct Waiting;

  Child(asio::io_context& loop, const ProcessKey& key, int pidfd);
  static asio::awaitable<void> reap(std::shared_ptr<Child> child);

  ProcessKey key_;
  std::optional<int> end_;  // As waitpid gives it.
  std::unique_ptr<Waiting> waiting_;
};

}  // namespace cluster
