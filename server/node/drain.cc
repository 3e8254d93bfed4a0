#include "server/node/drain.h"

#include <algorithm>
#include <utility>

#include "server/log/log.h"

namespace server {
namespace {

constexpr auto step_interval = std::chrono::milliseconds(50);

}  // namespace

Drain::Drain(asio::io_context& context, std::string node, DrainConfig config, Hooks hooks)
    : node_(std::move(node)), config_(config), hooks_(std::move(hooks)), timer_(context) {}

void Drain::set(Phase phase) {
  static constexpr const char* names[] = {"notice", "handoff", "settle", "exit"};
  phase_ = phase;
  status_.phase = names[static_cast<int>(phase)];
  log::event(log::Level::info, "drain", "phase", {{"phase", status_.phase}});
}

void Drain::start(const DrainOptions& options) {
  if (options.rate) config_.rate = *options.rate;
  if (options.deadline) config_.deadline = *options.deadline;
  const auto now = std::chrono::steady_clock::now();
  const bool has_successor = hooks_.has_successor();
  total_ = hooks_.sessions();
  // Nobody to hand over to, nobody to give notice to: nothing is gained by waiting.
  notice_ends_ = now + (has_successor ? config_.notice : std::chrono::milliseconds(0));
  last_step_ = now;
  {
    std::lock_guard lock(mutex_);
    deadline_ = notice_ends_ + config_.deadline;
    status_.node = node_;
    status_.has_successor = has_successor;
    status_.sessions_total = total_;
    status_.rate = config_.rate;
    set(Phase::notice);
  }
  step();
}

void Drain::change(const DrainOptions& options) {
  std::lock_guard lock(mutex_);
  if (options.rate) config_.rate = *options.rate;
  if (options.deadline) deadline_ = std::chrono::steady_clock::now() + *options.deadline;
  status_.rate = config_.rate;
}

void Drain::hurry() {
  if (!is_done_) finish(hooks_.sessions());
}

DrainStatus Drain::status() const {
  std::lock_guard lock(mutex_);
  DrainStatus status = status_;
  status.deadline_remaining =
      std::max(std::chrono::milliseconds(0), std::chrono::duration_cast<std::chrono::milliseconds>(
                                                 deadline_ - std::chrono::steady_clock::now()));
  return status;
}

void Drain::step() {
  if (is_done_) return;
  const auto now = std::chrono::steady_clock::now();
  const std::uint64_t left = hooks_.sessions();
  std::uint64_t batch = 0;
  {
    std::lock_guard lock(mutex_);
    total_ = std::max(total_, left);  // Logins that were under way may still have come.
    status_.sessions_total = total_;
    status_.sessions_moved = total_ - left;
    if (phase_ == Phase::notice && now >= notice_ends_) set(Phase::handoff);
    if (phase_ == Phase::handoff) {
      const double seconds = std::chrono::duration<double>(now - last_step_).count();
      allowance_ = std::min(allowance_ + seconds * config_.rate.per_second,
                            std::max(1.0, config_.rate.per_second));
      batch = static_cast<std::uint64_t>(allowance_);
      allowance_ -= static_cast<double>(batch);
      if (left == 0) set(Phase::settle);
    }
  }
  last_step_ = now;
  if (phase_ == Phase::settle || now >= deadline_) return finish(left);
  if (batch > 0) hooks_.end(batch);
  timer_.expires_after(step_interval);
  timer_.async_wait([this](boost::system::error_code error) {
    if (!error) step();
  });
}

void Drain::finish(std::uint64_t left) {
  is_done_ = true;
  timer_.cancel();
  {
    std::lock_guard lock(mutex_);
    status_.sessions_failed = left;
    set(Phase::exit);
  }
  log::event(log::Level::info, "drain", "done", {{"left", left}});
  hooks_.done(left);
}

}  // namespace server
