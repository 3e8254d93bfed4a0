#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

namespace tests {

/// What a replica answered: "ok name=value …" or "error why".
class Answer {
 public:
  explicit Answer(std::string line) : line_(std::move(line)) {}

  bool ok() const { return line_.starts_with("ok"); }
  std::string text(const std::string& name) const;  ///< Empty if there is no such value.
  std::uint64_t number(const std::string& name) const;
  const std::string& line() const { return line_; }

 private:
  std::string line_;
};

/// A replication node in a process of its own (benchmarks/replication/replica), which dies with the
/// test's process however that ends. Members throw std::runtime_error when it does not obey.
///
/// Threads: one at a time.
class ReplicaProcess {
 public:
  static constexpr std::chrono::seconds patience{60};  // On a machine that builds meanwhile.

  /// Not yet started. `command`: what stands before the program, such as to enter a network.
  ReplicaProcess(std::string name, std::vector<std::string> options,
                 std::vector<std::string> command = {});
  ~ReplicaProcess();
  ReplicaProcess(const ReplicaProcess&) = delete;
  ReplicaProcess& operator=(const ReplicaProcess&) = delete;

  /// Does not wait until it listens: wait_until_started() does. Also after kill() and leave(): a
  /// new life, that listens where the former one did.
  void launch();
  void wait_until_started();
  void kill();    ///< SIGKILL, and waits for the end.
  void pause();   ///< SIGSTOP, done on return.
  void resume();  ///< SIGCONT.
  void leave();   ///< In order: goodbye to the peers, and waits for the end.

  void start() {
    launch();
    wait_until_started();
  }

  bool runs() const { return process_ > 0; }
  const std::string& name() const { return name_; }
  std::uint16_t port() const { return port_; }

  /// Gives a command without waiting; answer() takes the answers in order.
  void tell(const std::string& command);
  Answer answer();
  Answer ask(const std::string& command);
  /// The same, where anything but "ok" is a failure.
  Answer obey(const std::string& command);

  /// How often `what` was reported of the peer so far ("gone", "unreachable", "joined", …).
  std::size_t count(const std::string& what, const std::string& peer);
  /// Whether waits for replication may leave the peer out, as far as was reported before the last
  /// answer: it is cut off, gone, lags, or has not caught up over its new link.
  bool leaves_out(const std::string& peer) const;
  std::size_t times_left_out(const std::string& peer) {
    return count("unreachable", peer) + count("gone", peer) + count("lagging", peer);
  }
  /// What was reported in this life, for messages.
  std::string events();

 private:
  void take(const std::string& line);
  bool read(std::chrono::milliseconds limit);
  void close();
  std::runtime_error failure(const std::string& what);

  const std::string name_;
  const std::vector<std::string> options_, command_;
  std::uint16_t port_ = 0;
  pid_t process_ = -1;
  int input_ = -1, output_ = -1;
  std::string unread_;
  std::vector<std::string> answers_, events_;
  std::set<std::string> cut_off_, joining_, lagging_;
};

}  // namespace tests
