#include "tests/replication/simulation/loop.h"

#include <utility>

namespace replication::simulation {

void Loop::post(Task task) {
  if (finished_) return;
  tasks_.push_back(std::move(task));
  schedule();
}

void Loop::start() {
  started_ = true;
  schedule();
}

void Loop::resume() {
  paused_ = false;
  schedule();
}

void Loop::kill() {
  finished_ = true;
  turn_ = nullptr;
  auto dropped = std::exchange(tasks_, {});
}

void Loop::schedule() {
  if (!started_ || paused_ || finished_ || scheduled_ || tasks_.empty()) return;
  scheduled_ = true;
  world_.after(world_.random.between(1us, pace_), [self = shared_from_this()] {
    self->scheduled_ = false;
    self->run_one();
  });
}

void Loop::run_one() {
  if (paused_ || finished_ || tasks_.empty()) return;
  Task task = std::move(tasks_.front());
  tasks_.pop_front();
  task();
  if (turn_) turn_();
  schedule();
}

}  // namespace replication::simulation
