#include "loadgen/scenario.h"

#include <toml++/toml.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <numeric>
#include <set>
#include <sstream>

namespace loadgen {
namespace {

constexpr std::array<std::string_view, 13> action_names = {
    "add", "remove", "start", "upgrade",  "kill",         "pause", "resume",
    "cut", "heal",   "mysql", "set_rate", "set_sessions", "wait"};

/// How many letters to change, add or drop between the two; for "did you mean".
std::size_t edit_distance(std::string_view one, std::string_view other) {
  std::vector<std::size_t> row(other.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= one.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= other.size(); ++j) {
      const auto changed = diagonal + (one[i - 1] == other[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, changed});
    }
  }
  return row.back();
}

/// Reads one scenario and gathers every fault on the way.
class Reader {
 public:
  Reader(std::string_view text, std::string_view file) : text_(text), file_(file) {}

  Result<Scenario> read() {
    toml::table root;
    try {
      root = toml::parse(text_, file_);
    } catch (const toml::parse_error& error) {
      fault(error.source(), std::string(error.description()), "");
      return all_faults();
    }
    known(root, {"load", "phase"}, "the file");
    if (const auto* load = root["load"].as_table()) {
      read_load(*load);
    } else {
      fault(root.source(), "there is no [load] table", "see `meerkat-load show chat`");
    }
    if (const auto* phases = root["phase"].as_array()) {
      for (const auto& node : *phases) {
        if (const auto* phase = node.as_table()) read_phase(*phase);
      }
    }
    if (scenario_.phases.empty()) {
      fault(root.source(), "there is no phase", "add [[phase]] with a name");
    }
    for (const auto& threshold : scenario_.thresholds) {
      if (!threshold.phase.empty() && !scenario_.find(threshold.phase)) {
        fault(root.source(), "threshold `" + threshold.text + "`: there is no such phase", "");
      }
    }
    if (!faults_.empty()) return all_faults();
    return scenario_;
  }

 private:
  void fault(const toml::source_region& where, const std::string& what, const std::string& fix) {
    std::ostringstream out;
    out << file_ << ':' << where.begin.line << ':' << where.begin.column << ": error: " << what;
    std::istringstream lines{std::string(text_)};
    std::string line;
    for (unsigned i = 0; i < where.begin.line; ++i) std::getline(lines, line);
    if (where.begin.line > 0) {
      out << "\n  " << where.begin.line << " | " << line;
      out << "\n    | " << std::string(where.begin.column > 0 ? where.begin.column - 1 : 0, ' ')
          << '^';
    }
    if (!fix.empty()) out << "\n  fix: " << fix;
    faults_.push_back(out.str());
  }

  Fault all_faults() const {
    std::string text;
    for (const auto& one : faults_) text += one + "\n";
    text += std::to_string(faults_.size()) + (faults_.size() == 1 ? " error" : " errors") +
            ", nothing started";
    return Fault{text};
  }

  void known(const toml::table& table, const std::vector<std::string_view>& keys,
             const std::string& where) {
    for (const auto& [key, value] : table) {
      if (std::find(keys.begin(), keys.end(), key.str()) != keys.end()) continue;
      const auto nearest =
          std::min_element(keys.begin(), keys.end(), [&, wrong = key.str()](auto a, auto b) {
            return edit_distance(a, wrong) < edit_distance(b, wrong);
          });
      const bool near = edit_distance(*nearest, key.str()) <= 3;
      fault(key.source(), where + ": unknown key `" + std::string(key.str()) + "`",
            near ? "did you mean `" + std::string(*nearest) + "`?" : "remove it");
    }
  }

  /// Strings and integers both, since `sessions = 30000` is what people write.
  static std::optional<std::string> words(const toml::node& node) {
    if (const auto* text = node.as_string()) return text->get();
    if (const auto* number = node.as_integer()) return std::to_string(number->get());
    return std::nullopt;
  }

  template <class T, class Parse>
  void take(const toml::table& table, std::string_view key, T& target, Parse parse) {
    const toml::node* node = table.get(key);
    if (node == nullptr) return;
    const auto text = words(*node);
    if (!text) return fault(node->source(), std::string(key) + " wants a text", "");
    const auto value = parse(*text);
    if (value.has_error()) {
      return fault(node->source(), std::string(key) + ": " + value.error().text, "");
    }
    target = *value;
  }

  static Result<std::string> as_text(std::string_view text) {
    return Result<std::string>(boost::system::in_place_value, text);
  }

  static Result<Amount> as_rate(std::string_view text) {
    if (text.ends_with('%')) return as_share(text);
    const auto rate = parse_rate(text);
    if (rate.has_error()) return rate.error();
    return Amount{*rate, false};
  }

  static Result<Amount> as_sessions(std::string_view text) {
    if (text.ends_with('%')) return as_share(text);
    const auto count = parse_count(text);
    if (count.has_error()) return count.error();
    return Amount{static_cast<double>(*count), false};
  }

  static Result<Amount> as_share(std::string_view text) {
    const auto percent = parse_count(text.substr(0, text.size() - 1));
    if (percent.has_error()) return Fault{"`" + std::string(text) + "` is not a share"};
    return Amount{static_cast<double>(*percent) / 100, true};
  }

  void read_load(const toml::table& load) {
    known(load,
          {"about", "sessions", "login_rate", "rate", "duration", "warmup", "settle",
           "audits_archives", "thresholds"},
          "[load]");
    take(load, "about", scenario_.about, as_text);
    take(load, "sessions", scenario_.sessions, parse_count);
    take(load, "login_rate", scenario_.login_rate, parse_rate);
    take(load, "rate", scenario_.rate, parse_rate);
    take(load, "duration", scenario_.duration, parse_duration);
    take(load, "warmup", scenario_.warmup, parse_duration);
    take(load, "settle", scenario_.settle, parse_duration);
    scenario_.audits_archives = load["audits_archives"].value_or(false);
    if (scenario_.sessions < 2) {
      fault(load.source(), "sessions: fewer than 2", "a conversation has two ends");
    }
    if (scenario_.login_rate <= 0) {
      fault(load.source(), "login_rate: nobody would ever log in", "write for example 200/s");
    }
    const auto* thresholds = load["thresholds"].as_table();
    if (thresholds == nullptr) return;
    for (const auto& [key, value] : *thresholds) {
      const auto threshold =
          parse_threshold(std::string(key.str()) + " " + value.value_or(std::string()));
      if (threshold.has_error()) {
        fault(key.source(), threshold.error().text, "");
      } else {
        scenario_.thresholds.push_back(*threshold);
      }
    }
  }

  void read_phase(const toml::table& table) {
    known(table, {"name", "duration", "churn", "rate", "sessions", "actions", "action_limit"},
          "[[phase]]");
    Phase phase;
    take(table, "name", phase.name, as_text);
    if (phase.name.empty()) fault(table.source(), "a phase without a name", "");
    if (scenario_.find(phase.name)) {
      fault(table.source(), "two phases are called `" + phase.name + "`", "");
    }
    take(table, "duration", phase.duration, parse_duration);
    take(table, "churn", phase.churn, as_rate);
    take(table, "rate", phase.rate, as_rate);
    take(table, "sessions", phase.sessions, as_sessions);
    take(table, "action_limit", phase.action_limit, parse_duration);
    if (const auto* actions = table["actions"].as_array()) {
      for (const auto& node : *actions) {
        if (const auto* action = node.as_table()) read_action(*action, phase);
      }
    }
    scenario_.phases.push_back(std::move(phase));
  }

  void read_action(const toml::table& table, Phase& phase) {
    known(table, {action_names.begin(), action_names.end()}, "action");
    for (const auto& [key, value] : table) {
      const auto name = std::find(action_names.begin(), action_names.end(), key.str());
      if (name == action_names.end()) continue;
      Action action;
      action.kind = static_cast<Action::Kind>(name - action_names.begin());
      const std::string_view text = key.str();
      switch (action.kind) {
        case Action::Kind::add:
          action.count = static_cast<int>(value.value_or(std::int64_t{0}));
          if (action.count < 1) fault(value.source(), "add wants how many nodes", "add = 1");
          break;
        case Action::Kind::upgrade:
          if (const auto* details = value.as_table()) {
            known(*details, {"to", "order"}, "upgrade");
            take(*details, "to", action.to, as_text);
            take(*details, "order", action.order, as_text);
          } else {
            fault(value.source(), "upgrade wants a table", "upgrade = { to = \"next\" }");
          }
          break;
        case Action::Kind::cut:
        case Action::Kind::heal:
          read_path(value, action);
          break;
        case Action::Kind::mysql:
          read_mysql(value, action);
          break;
        case Action::Kind::set_rate:
          take(table, text, action.amount, as_rate);
          break;
        case Action::Kind::set_sessions:
          take(table, text, action.amount, as_sessions);
          break;
        case Action::Kind::wait:
          take(table, text, action.wait, parse_duration);
          break;
        default:
          take(table, text, action.node, as_text);
      }
      phase.actions.push_back(std::move(action));
    }
  }

  void read_path(const toml::node& value, Action& action) {
    const bool is_all =
        action.kind == Action::Kind::heal && value.value<std::string_view>() == "all";
    action.node.clear();
    if (is_all) return;
    const auto* nodes = value.as_array();
    if (nodes == nullptr || nodes->size() != 2 || !nodes->is_homogeneous(toml::node_type::string)) {
      const std::string name(action_name(action.kind));
      fault(value.source(), name + " wants two nodes", name + " = [\"n1\", \"n2\"]");
      return;
    }
    action.node = nodes->get(0)->value_or("");
    action.other = nodes->get(1)->value_or("");
  }

  void read_mysql(const toml::node& value, Action& action) {
    action.node = value.value_or(std::string());
    for (const char* verb : {"stop", "start", "pause", "resume"}) {
      if (action.node == verb) return;
    }
    fault(value.source(), "mysql wants stop, start, pause or resume", "mysql = \"stop\"");
  }

  std::string_view text_;
  std::string_view file_;
  Scenario scenario_;
  std::vector<std::string> faults_;
};

}  // namespace

std::string_view action_name(Action::Kind kind) { return action_names[static_cast<int>(kind)]; }

bool Scenario::acts_on_nodes() const {
  return std::any_of(phases.begin(), phases.end(), [](const Phase& phase) {
    return std::any_of(phase.actions.begin(), phase.actions.end(),
                       [](const Action& action) { return action.kind < Action::Kind::set_rate; });
  });
}

const Phase* Scenario::find(std::string_view phase) const {
  const auto found = std::find_if(phases.begin(), phases.end(),
                                  [&](const Phase& one) { return one.name == phase; });
  return found == phases.end() ? nullptr : &*found;
}

std::uint64_t Scenario::sessions_max() const {
  const auto whole = static_cast<double>(sessions);
  double most = whole;
  for (const Phase& phase : phases) {
    if (phase.sessions) most = std::max(most, phase.sessions->of(whole));
    for (const Action& action : phase.actions) {
      if (action.kind == Action::Kind::set_sessions) most = std::max(most, action.amount.of(whole));
    }
  }
  return static_cast<std::uint64_t>(most + 1) / 2 * 2;
}

Result<Scenario> parse_scenario(std::string_view toml, std::string_view file_name) {
  return Reader(toml, file_name).read();
}

Result<Scenario> load_scenario(const std::string& name_or_path) {
  for (const BuiltIn& one : built_in_scenarios()) {
    if (one.name != name_or_path) continue;
    auto scenario = parse_scenario(one.toml, one.name);
    if (scenario.has_value()) scenario->name = name_or_path;
    return scenario;
  }
  std::ifstream file(name_or_path);
  if (!file) {
    return Fault{"there is no scenario and no readable file `" + name_or_path +
                 "`. Try: meerkat-load list"};
  }
  std::stringstream text;
  text << file.rdbuf();
  auto scenario = parse_scenario(text.str(), name_or_path);
  if (scenario.has_value()) {
    const auto slash = name_or_path.rfind('/') + 1;
    scenario->name = name_or_path.substr(slash, name_or_path.rfind('.') - slash);
  }
  return scenario;
}

}  // namespace loadgen
