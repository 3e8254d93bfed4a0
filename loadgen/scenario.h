#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "loadgen/fault.h"
#include "loadgen/quantity.h"
#include "loadgen/threshold.h"

namespace loadgen {

/// An amount, or a share of the scenario's own: "2k/s" or "200%". A share follows `--rate` and
/// `--sessions`, so a built-in scenario scales as one.
struct Amount {
  double value = 0;
  bool is_share = false;  // `value` is a ratio: 2.0 for 200%.
  [[nodiscard]] double of(double whole) const { return is_share ? value * whole : value; }
};

struct Action {
  // Those that act on nodes come before set_rate.
  enum class Kind {
    add,
    remove,
    start,
    upgrade,
    kill,
    pause,
    resume,
    cut,
    heal,
    mysql,
    set_rate,
    set_sessions,
    wait
  };
  Kind kind = Kind::wait;
  /// Of remove, kill, pause and cut: "newest" is the node that was added last, "any" the one with
  /// the most of our clients. Of start and resume also "same": the one that was struck last. Of
  /// mysql: what happens to it: stop, start, pause or resume.
  std::string node = "newest";
  std::string other;        // Of cut: the path is between the two. Of heal: none: all paths.
  std::string to = "next";  // Of upgrade.
  std::string order;        // Of upgrade: surge or in-place; empty: the supervisor's choice.
  int count = 1;            // Of add.
  Amount amount;            // Of set_rate and set_sessions.
  Micros wait{};
};
std::string_view action_name(Action::Kind kind);

/// Ends when its duration is over and its actions are done.
struct Phase {
  std::string name;
  std::optional<Micros> duration;  // Absent: the scenario's.
  Amount churn{0, false};          // Sessions a second that leave and come back on purpose.
  std::optional<Amount> rate;      // From its start on.
  std::optional<Amount> sessions;
  std::vector<Action> actions;
  Micros action_limit{std::chrono::minutes(5)};
};

struct Scenario {
  std::string name;
  std::string about;
  std::uint64_t sessions = 1000;
  double login_rate = 200;  // A second.
  double rate = 0;          // Messages a second, in all.
  Micros duration{std::chrono::seconds(30)};
  Micros warmup{std::chrono::seconds(5)};
  Micros settle{std::chrono::seconds(30)};
  bool audits_archives = false;  // At the end: is each message in both archives, once, in order?
  std::vector<Threshold> thresholds;
  std::vector<Phase> phases;

  /// Whether a phase acts on nodes, so that `--cluster` is needed.
  [[nodiscard]] bool acts_on_nodes() const;
  [[nodiscard]] const Phase* find(std::string_view phase) const;
  /// The most sessions that any phase or action asks for, in whole pairs.
  [[nodiscard]] std::uint64_t sessions_max() const;
};

/// Reads TOML. All faults at once, each as `file:line:column: error: …` with the line and a fix.
Result<Scenario> parse_scenario(std::string_view toml, std::string_view file_name);

struct BuiltIn {
  std::string_view name;
  std::string_view toml;
};
const std::vector<BuiltIn>& built_in_scenarios();

/// A built-in name, or the path of a file.
Result<Scenario> load_scenario(const std::string& name_or_path);

}  // namespace loadgen
