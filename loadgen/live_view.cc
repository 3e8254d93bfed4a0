#include "loadgen/live_view.h"

#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace loadgen {
namespace {

__attribute__((format(printf, 1, 2))) std::string print(const char* format, ...) {
  std::array<char, 512> text{};
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(text.data(), text.size(), format, arguments);
  va_end(arguments);
  return text.data();
}

std::string bars(const std::vector<double>& values) {
  static constexpr std::array<const char*, 8> levels = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  const double top = values.empty() ? 0 : *std::max_element(values.begin(), values.end());
  std::string text;
  const std::size_t from = values.size() > 30 ? values.size() - 30 : 0;
  for (std::size_t i = from; i < values.size(); ++i) {
    const auto level = top <= 0 ? 0 : static_cast<std::size_t>(values[i] / top * 7);
    text += levels[std::min<std::size_t>(level, 7)];
  }
  return text;
}

std::string row(const char* name, const Histogram& recent, const Histogram& run) {
  const auto time = [](Micros value) { return short_time(in_seconds(value)); };
  return print("%-10s p50 %-8s p99 %-8s max %-8s  │  p50 %-8s p99 %-8s p99.9 %-8s max %s", name,
               time(recent.quantile(0.5)).c_str(), time(recent.quantile(0.99)).c_str(),
               time(recent.max()).c_str(), time(run.quantile(0.5)).c_str(),
               time(run.quantile(0.99)).c_str(), time(run.quantile(0.999)).c_str(),
               time(run.max()).c_str());
}

std::string audit_line(const RunState& state) {
  const AuditCounts& audit = state.total.audit;
  std::string text = "audit   ";
  for (const Fate fate : {Fate::lost, Fate::duplicated, Fate::reordered, Fate::altered,
                          Fate::misdelivered, Fate::invented}) {
    text += print("  %s %s", std::string(fate_name(fate)).c_str(), grouped(audit.of(fate)).c_str());
  }
  text +=
      print("   open %s   redelivered %s  bounced %s", grouped(audit.open()).c_str(),
            grouped(audit.of(Fate::redelivered)).c_str(), grouped(audit.of(Fate::bounced)).c_str());
  const Snapshot& total = state.total;
  if (total.archives_left + total.archives_read > 0) {
    text +=
        print("   archives read %s  left %s  unarchived %s", grouped(total.archives_read).c_str(),
              grouped(total.archives_left).c_str(), grouped(audit.of(Fate::unarchived)).c_str());
  }
  return text;
}

}  // namespace

std::vector<std::string> live_lines(const RunState& state, bool with_help) {
  std::vector<std::string> lines;
  const Snapshot& total = state.total;
  lines.push_back(print("%s  seed %llu  phase %zu/%zu %s   %s of ~%s   %s", state.scenario.c_str(),
                        static_cast<unsigned long long>(state.seed), state.phase_number,
                        state.phase_count, state.phase.c_str(), clock_text(state.now).c_str(),
                        clock_text(state.expected).c_str(),
                        "q quit  p pause  +/- rate  n next phase  ? help"));
  const bool late = total.lag.quantile(0.99) > Micros(10'000);
  lines.push_back(print(
      "offered %s/s  sent %s/s  received %s/s  waiting in outboxes %s   generator %s (lag p99 %s, "
      "cpu %.0f %%)%s",
      whole(state.offered_rate).c_str(), whole(state.sent_rate).c_str(),
      whole(state.received_rate).c_str(), grouped(total.waiting).c_str(), late ? "LATE" : "ok",
      short_time(in_seconds(total.lag.quantile(0.99))).c_str(), state.generator_cpu * 100,
      state.paused ? "  PAUSED" : ""));
  lines.push_back(print(
      "sessions %s/%s   logins %s  resumed %s  failed %s  streams lost %s   open files of %s",
      grouped(total.online).c_str(), grouped(total.wanted).c_str(), grouped(total.logins).c_str(),
      grouped(total.resumed).c_str(), grouped(total.failed_logins).c_str(),
      grouped(total.forced).c_str(), grouped(state.open_files_max).c_str()));
  lines.push_back(print("           %-42s  │  %-26s  %s", "last 10 s", "whole run",
                        bars(state.phase_p99_ms).c_str()));
  lines.push_back(row("delivery", state.recent.delivery, total.delivery));
  if (total.across.count() > 0 && total.within.count() > 0) {
    lines.push_back(row("  one node", state.recent.within, total.within));
    lines.push_back(row("  across", state.recent.across, total.across));
  }
  lines.push_back(row("login", state.recent.login, total.login));
  if (total.resume.count() > 0) lines.push_back(row("resume", state.recent.resume, total.resume));
  if (total.offline.count() > 0)
    lines.push_back(row("offline", state.recent.offline, total.offline));
  lines.push_back(print("%-22s %-9s %-10s %9s %6s %9s %9s %6s %9s", "node", "version", "state",
                        "sessions", "share", "logins/s", "p99", "cpu", "memory"));
  for (const NodeStatus& node : state.nodes) {
    const bool seen = node.target < total.targets.size();
    const auto online = seen ? total.targets[node.target].online : 0;
    const auto p99 = node.target < state.recent.targets.size()
                         ? state.recent.targets[node.target].delivery.quantile(0.99)
                         : Micros(0);
    const double logins =
        node.target < state.node_logins.size() ? state.node_logins[node.target] : 0;
    lines.push_back(print(
        "%-22s %-9s %-10s %9s %4.0f %% %9.0f %9s %4.0f %% %7s M", node.name.c_str(),
        node.version.c_str(), node.state.c_str(), grouped(online).c_str(),
        total.online == 0 ? 0
                          : 100.0 * static_cast<double>(online) / static_cast<double>(total.online),
        logins, short_time(in_seconds(p99)).c_str(), node.cpu_ratio * 100,
        grouped(node.resident_bytes >> 20).c_str()));
  }
  lines.push_back(audit_line(state));
  std::string events = "events  ";
  for (std::size_t i = 0; i < std::min<std::size_t>(state.events.size(), 3); ++i) {
    events += print("  %s %s ", clock_text(state.events[i].at).c_str(),
                    state.events[i].text.substr(0, 100).c_str());
  }
  lines.push_back(events);
  if (with_help) {
    lines.emplace_back("q ends the load, settles, and writes the report; twice: at once");
    lines.emplace_back("p stops and goes on sending; + and - change the rate by a quarter");
    lines.emplace_back("n goes to the next phase once its running action is done");
  }
  return lines;
}

std::string plain_line(const RunState& state) {
  const Snapshot& total = state.total;
  const AuditCounts& audit = total.audit;
  std::uint64_t wrong = 0;
  for (std::size_t i = 0; i < fate_count; ++i) {
    if (is_wrong(static_cast<Fate>(i))) wrong += audit.fates[i];
  }
  return print(
      "%s %s: sessions %s/%s  offered %s/s  received %s/s  p50 %s  p99 %s  max %s  lag p99 %s  "
      "waiting %s  streams lost %s  resumed %s  wrong %s  bounced %s",
      clock_text(state.now).c_str(), state.phase.c_str(), grouped(total.online).c_str(),
      grouped(total.wanted).c_str(), whole(state.offered_rate).c_str(),
      whole(state.received_rate).c_str(),
      short_time(in_seconds(state.recent.delivery.quantile(0.5))).c_str(),
      short_time(in_seconds(state.recent.delivery.quantile(0.99))).c_str(),
      short_time(in_seconds(state.recent.delivery.max())).c_str(),
      short_time(in_seconds(state.recent.lag.quantile(0.99))).c_str(),
      grouped(total.waiting).c_str(), grouped(total.forced).c_str(), grouped(total.resumed).c_str(),
      grouped(wrong).c_str(), grouped(audit.of(Fate::bounced)).c_str());
}

void LiveView::begin(UiMode mode) {
  silent_ = mode == UiMode::off;
  on_terminal_ = mode == UiMode::automatic && isatty(STDERR_FILENO) == 1;
  colours_ = on_terminal_ && std::getenv("NO_COLOR") == nullptr;
  // Cut and not wrapped: the screen is drawn over by counting its lines.
  if (on_terminal_) std::fputs("\x1b[?7l", stderr);
  if (!on_terminal_ || isatty(STDIN_FILENO) != 1) return;
  termios settings{};
  if (tcgetattr(STDIN_FILENO, &settings) != 0) return;
  saved_terminal_.assign(reinterpret_cast<const char*>(&settings), sizeof(settings));
  settings.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
  settings.c_cc[VMIN] = 0;
  settings.c_cc[VTIME] = 0;
  tcsetattr(STDIN_FILENO, TCSANOW, &settings);
  reads_keys_ = poller_.add(STDIN_FILENO, EPOLLIN, *this);
}

void LiveView::end() {
  if (reads_keys_) poller_.remove(STDIN_FILENO, *this);
  reads_keys_ = false;
  if (!saved_terminal_.empty()) {
    termios settings{};
    std::memcpy(&settings, saved_terminal_.data(), sizeof(settings));
    tcsetattr(STDIN_FILENO, TCSANOW, &settings);
    saved_terminal_.clear();
  }
  if (on_terminal_) std::fputs("\x1b[?7h", stderr);
  on_terminal_ = false;
}

void LiveView::tell(const std::string& line) {
  // On the terminal the events line shows it.
  if (silent_ || on_terminal_) return;
  std::fprintf(stderr, "%s\n", line.c_str());
}

void LiveView::show(const RunState& state) {
  if (silent_) return;
  if (!on_terminal_) {
    if (state.now - plain_at_ < std::chrono::seconds(10)) return;
    plain_at_ = state.now;
    std::fprintf(stderr, "%s\n", plain_line(state).c_str());
    return;
  }
  std::string screen;
  if (lines_drawn_ > 0) screen += print("\x1b[%zuA", lines_drawn_);
  const auto lines = live_lines(state, help_);
  const bool wrong = state.total.audit.wrong();
  for (const auto& line : lines) {
    const bool is_audit = line.starts_with("audit");
    if (colours_ && is_audit) screen += wrong ? "\x1b[1;31m" : "\x1b[32m";
    if (colours_ && line.starts_with("node ")) screen += "\x1b[2m";
    if (colours_ && &line == &lines.front()) screen += "\x1b[1m";
    screen += line + (colours_ ? "\x1b[0m\x1b[K\n" : "\x1b[K\n");
  }
  // Rows of a screen that was taller (a node is gone).
  for (std::size_t i = lines.size(); i < lines_drawn_; ++i) screen += "\x1b[K\n";
  lines_drawn_ = std::max(lines_drawn_, lines.size());
  std::fputs(screen.c_str(), stderr);
  std::fflush(stderr);
}

void LiveView::on_ready(std::uint32_t) {
  std::array<char, 16> keys{};
  const auto size = read(STDIN_FILENO, keys.data(), keys.size());
  if (size <= 0) {
    poller_.remove(STDIN_FILENO, *this);
    reads_keys_ = false;
    return;
  }
  for (ssize_t i = 0; i < size; ++i) {
    const char key = keys[static_cast<std::size_t>(i)];
    if (key == '?') help_ = !help_;
    // strchr finds the end of its own text as well.
    if (key != '\0' && std::strchr("qp+-n", key) != nullptr) keys_.on_key(key);
  }
}

}  // namespace loadgen
