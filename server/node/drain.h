#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>

#include "server/admin/control.h"
#include "server/config/config.h"

namespace server {

namespace asio = boost::asio;

/// Takes a node out of service without a rush: notice, hand-off at a set pace, settle, exit.
///
/// During the notice the node is not ready, so that balancers look elsewhere. Then sessions are
/// ended with `<system-shutdown/>`, `rate` a second. It is over when none is left, or at the
/// deadline.
///
/// Threads: lives on one io_context; status() is [any thread].
class Drain {
 public:
  struct Hooks {
    std::function<std::uint64_t()> sessions;       ///< Bound, and streams that are still closing.
    std::function<void(std::uint64_t count)> end;  ///< Ends up to so many.
    std::function<bool()> has_successor;           ///< Whether another node takes clients.
    std::function<void(std::uint64_t left)> done;  ///< Once; `left` sessions remained.
  };

  Drain(asio::io_context& context, std::string node, DrainConfig config, Hooks hooks);

  /// Once. `notice` is skipped when no other node could take the clients.
  void start(const DrainOptions& options);

  /// Goes on with another pace or deadline.
  void change(const DrainOptions& options);

  /// Goes straight to the exit.
  void hurry();

  DrainStatus status() const;

 private:
  enum class Phase { notice, handoff, settle, exit };

  void step();
  void finish(std::uint64_t left);
  void set(Phase phase);

  const std::string node_;
  DrainConfig config_;
  Hooks hooks_;
  asio::steady_timer timer_;
  std::chrono::steady_clock::time_point notice_ends_, deadline_, last_step_;
  double allowance_ = 0;
  std::uint64_t total_ = 0;
  bool is_done_ = false;

  mutable std::mutex mutex_;
  DrainStatus status_;
  Phase phase_ = Phase::notice;
};

}  // namespace server
