#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace tests {

/// Machines with a network card each, plugged into one switch: network namespaces of a user
/// namespace of the test's own, so no root is needed. All of it is gone when the test's process
/// has ended, however that ends.
///
/// Members throw std::runtime_error when the system does not obey.
class Networks {
 public:
  /// Why this machine cannot have any; empty: it can.
  static std::string unavailable();

  /// Machines 1, 2, …
  explicit Networks(std::size_t count);
  ~Networks();
  Networks(const Networks&) = delete;
  Networks& operator=(const Networks&) = delete;

  /// What to put before a program so that it runs on that machine.
  std::vector<std::string> enter(std::size_t machine) const;
  std::string address(std::size_t machine) const;

  void pull_cable(std::size_t machine);  ///< Nothing goes out or comes in, and nobody is told.
  void plug_in(std::size_t machine);

  /// Packets from one machine to the other vanish, and nobody is told.
  void lose(std::size_t from, std::size_t to);
  void stop_losing(std::size_t from, std::size_t to);

 private:
  pid_t hold(const std::vector<std::string>& command);
  void run(pid_t within, const std::vector<std::string>& command) const;

  std::vector<int> inputs_;  // Of the processes that hold the namespaces: closed, they end.
  std::vector<pid_t> holders_;
  pid_t switch_ = -1;
  std::vector<pid_t> machines_;
};

}  // namespace tests
