#include "tests/replication/simulation/world.h"

#include <iomanip>
#include <utility>

namespace replication::simulation {

void World::after(Duration delay, Event event) {
  due_.push({.at = now_ + delay, .number = made_++, .event = std::move(event)});
}

void World::run(Duration span) {
  const Time until = now_ + span;
  while (!failed() && !due_.empty() && due_.top().at <= until) {
    // The queue gives only const access, and the event is about to be removed.
    Due due = std::move(const_cast<Due&>(due_.top()));
    due_.pop();
    now_ = due.at;
    ++events_;
    Random mixed(fingerprint_ ^ static_cast<std::uint64_t>(now_.time_since_epoch().count()) ^
                 due.number << 40);
    fingerprint_ = mixed.next();
    due.event();
  }
  if (!failed()) now_ = until;
}

void World::fail(const std::string& what) {
  if (failed()) return;
  failure_ = what;
  trace("BROKEN: ", what);
}

void World::tell(const std::string& line) {
  auto since = std::chrono::duration_cast<std::chrono::microseconds>(now_ - Time(1h)).count();
  *trace_ << std::setw(5) << since / 1'000'000 << '.' << std::setfill('0') << std::setw(6)
          << since % 1'000'000 << std::setfill(' ') << "  " << line << '\n';
}

}  // namespace replication::simulation
