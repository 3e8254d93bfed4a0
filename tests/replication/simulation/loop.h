#pragma once

#include <deque>
#include <functional>
#include <memory>

#include "tests/replication/simulation/world.h"

namespace replication::simulation {

/// The link thread of one life of one node: runs its tasks in order, one an event of the world, so
/// that anything else can come between two of them.
class Loop : public std::enable_shared_from_this<Loop> {
 public:
  using Task = std::function<void()>;

  /// `pace`: how long it may take until the next task runs.
  Loop(World& world, std::chrono::microseconds pace) : world_(world), pace_(pace) {}

  void post(Task task);
  void start();
  void finish() { finished_ = true; }

  /// As if the process were stopped by SIGSTOP, or let go on.
  void pause() { paused_ = true; }
  void resume();
  bool paused() const { return paused_; }

  /// The process has ended: drops all tasks.
  void kill();

  bool finished() const { return finished_; }
  bool running() const { return started_ && !finished_; }

  /// Called after each task.
  void on_turn(std::function<void()> turn) { turn_ = std::move(turn); }

 private:
  void schedule();
  void run_one();

  World& world_;
  const std::chrono::microseconds pace_;
  std::deque<Task> tasks_;
  std::function<void()> turn_;
  bool started_ = false;
  bool paused_ = false;
  bool finished_ = false;
  bool scheduled_ = false;
};

}  // namespace replication::simulation
