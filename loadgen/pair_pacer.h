#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

#include "loadgen/quantity.h"

namespace loadgen {

/// Brings pairs of users on and off, both ends together and at a pace: up to how many are wanted,
/// down again, and out and back on purpose (churn). Says which pairs carry traffic.
///
/// Nobody leaves in the middle of a message: its bounce would be our doing, and no server's fault.
///
/// Threads: its owner's.
class PairPacer {
 public:
  /// Who does what the pacer says.
  class Players {
   public:
    virtual void enter(std::size_t pair) = 0;
    virtual void leave(std::size_t pair) = 0;
    [[nodiscard]] virtual bool is_online(std::size_t pair) const = 0;
    [[nodiscard]] virtual bool is_away(std::size_t pair) const = 0;
    /// Nothing of the pair's waits or is on its way.
    [[nodiscard]] virtual bool is_quiet(std::size_t pair) const = 0;

   protected:
    ~Players() = default;
  };

  PairPacer(Players& players, std::mt19937_64& random) : players_(players), random_(random) {}

  /// One more pair, away. Before the first turn.
  void add() { pairs_.emplace_back(); }

  /// As many of the pairs as there are, at most.
  void set_wanted(std::size_t pairs, double pairs_per_second);
  void set_churn(double pairs_per_second) { churn_.rate = pairs_per_second; }

  /// Does what is due; often.
  void turn(Micros now);

  /// An end of the pair has come online.
  void on_online(std::size_t pair);

  /// The pairs that carry traffic: both ends were online since they entered.
  [[nodiscard]] const std::vector<std::uint32_t>& active() const { return active_; }
  [[nodiscard]] bool is_active(std::size_t pair) const {
    return pairs_[pair].state == Pair::State::active;
  }

  /// How many have been told to be on, and how often one left to come back.
  [[nodiscard]] std::size_t entered() const { return entered_; }
  [[nodiscard]] std::uint64_t churned() const { return churned_; }

 private:
  struct Pair {
    enum class State : std::uint8_t { idle, entering, active, draining, leaving };
    State state = State::idle;
    bool come_back = false;  // After `leaving`: churn, not goodbye.
    std::size_t place = 0;   // In `active_`, while active.
    Micros drain_by{};
  };

  /// So many a second. Bounded: after a stall they do not come in one burst.
  struct Credit {
    double rate = 0;
    double saved = 0;
    void earn(double seconds);
    bool spend();
  };

  void enter(std::size_t pair);
  void drain(std::size_t pair, bool come_back, Micros now);
  void deactivate(std::size_t pair);
  void advance_leaving(Micros now);

  Players& players_;
  std::mt19937_64& random_;
  std::vector<Pair> pairs_;
  std::vector<std::uint32_t> active_;
  std::vector<std::size_t> leaving_;  // Pairs on their way out.
  Credit logins_;
  Credit churn_;
  std::size_t wanted_ = 0;
  std::size_t entered_ = 0;
  std::uint64_t churned_ = 0;
  Micros paced_at_{};
};

}  // namespace loadgen
