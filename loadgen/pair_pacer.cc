#include "loadgen/pair_pacer.h"

#include <algorithm>

namespace loadgen {
namespace {

constexpr Micros drain_limit{3'000'000};
constexpr double credit_seconds_max = 0.1;

}  // namespace

void PairPacer::Credit::earn(double seconds) {
  saved = std::min(saved + seconds * rate, 1 + rate * credit_seconds_max);
}

bool PairPacer::Credit::spend() {
  if (saved < 1) return false;
  saved -= 1;
  return true;
}

void PairPacer::set_wanted(std::size_t pairs, double pairs_per_second) {
  wanted_ = std::min(pairs, pairs_.size());
  logins_.rate = pairs_per_second;
}

void PairPacer::turn(Micros now) {
  const double elapsed = static_cast<double>((now - paced_at_).count()) / 1e6;
  paced_at_ = now;
  logins_.earn(elapsed);
  while (entered_ < wanted_ && logins_.spend()) {
    Pair& pair = pairs_[entered_];
    if (pair.state == Pair::State::draining || pair.state == Pair::State::leaving) {
      pair.come_back = true;
    } else {
      enter(entered_);
    }
    ++entered_;
  }
  while (entered_ > wanted_ && logins_.spend()) drain(--entered_, false, now);
  churn_.earn(elapsed);
  while (!active_.empty() && churn_.spend()) {
    ++churned_;
    drain(active_[random_() % active_.size()], true, now);
  }
  advance_leaving(now);
}

void PairPacer::enter(std::size_t index) {
  pairs_[index].state = Pair::State::entering;
  players_.enter(index);
}

void PairPacer::on_online(std::size_t index) {
  Pair& pair = pairs_[index];
  if (pair.state != Pair::State::entering || !players_.is_online(index)) return;
  pair.state = Pair::State::active;
  pair.place = active_.size();
  active_.push_back(static_cast<std::uint32_t>(index));
}

void PairPacer::drain(std::size_t index, bool come_back, Micros now) {
  Pair& pair = pairs_[index];
  pair.come_back = come_back;
  if (pair.state == Pair::State::draining || pair.state == Pair::State::leaving) return;
  if (pair.state == Pair::State::active) deactivate(index);
  pair.state = Pair::State::draining;
  pair.drain_by = now + drain_limit;
  leaving_.push_back(index);
}

void PairPacer::deactivate(std::size_t index) {
  const auto place = pairs_[index].place;
  active_[place] = active_.back();
  pairs_[active_[place]].place = place;
  active_.pop_back();
}

void PairPacer::advance_leaving(Micros now) {
  for (std::size_t i = 0; i < leaving_.size();) {
    const auto index = leaving_[i];
    Pair& pair = pairs_[index];
    if (pair.state == Pair::State::draining && (players_.is_quiet(index) || now >= pair.drain_by)) {
      players_.leave(index);
      pair.state = Pair::State::leaving;
    }
    if (pair.state != Pair::State::leaving || !players_.is_away(index)) {
      ++i;
      continue;
    }
    leaving_[i] = leaving_.back();
    leaving_.pop_back();
    pair.state = Pair::State::idle;
    if (pair.come_back) enter(index);
  }
}

}  // namespace loadgen
