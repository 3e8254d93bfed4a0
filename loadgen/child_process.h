#pragma once

#include <functional>
#include <string>
#include <vector>

#include "loadgen/fault.h"
#include "loadgen/poller.h"

namespace loadgen {

/// A program that runs beside the load: an action on the cluster. Its standard output is gathered
/// (at most 1 MiB) and its errors too; the poller's thread is told line by line and at the end.
///
/// Threads: the poller's. Destroying it ends the child (SIGTERM) and reaps it.
class ChildProcess final : public Watcher {
 public:
  struct Callbacks {
    /// A line of standard error: progress.
    std::function<void(const std::string& line)> on_progress;
    /// It ended. `output` is its standard output. The object may be destroyed in here.
    std::function<void(int exit_code, const std::string& output)> on_ended;
  };

  ChildProcess(Poller& poller, Callbacks callbacks);
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  /// Errors: no such program, no descriptors.
  Result<void> start(const std::vector<std::string>& command);

  void on_ready(std::uint32_t epoll_events) override;

 private:
  bool read_some(int& fd, std::string& into);
  void tell_lines();

  Poller& poller_;
  Callbacks callbacks_;
  int pid_ = -1;
  int output_fd_ = -1;
  int error_fd_ = -1;
  std::string output_;
  std::string errors_;
};

}  // namespace loadgen
