#pragma once

#include <string>
#include <vector>

#include "loadgen/poller.h"
#include "loadgen/run_state.h"

namespace loadgen {

enum class UiMode { automatic, plain, off };

/// What is told of a key pressed while the view has the terminal.
class LiveKeys {
 public:
  /// q, p, +, -, n.
  virtual void on_key(char key) = 0;

 protected:
  ~LiveKeys() = default;
};

/// The screen as lines, without any control characters; colours are put in by the view.
std::vector<std::string> live_lines(const RunState& state, bool with_help);
/// The same in one line, for logs.
std::string plain_line(const RunState& state);

/// Progress on standard error: a screen that is drawn over itself each second on a terminal, else
/// a line every ten seconds.
///
/// Threads: the conductor's. The terminal is put back by the destructor and by `end`.
class LiveView final : public Watcher {
 public:
  LiveView(Poller& poller, LiveKeys& keys) : poller_(poller), keys_(keys) {}
  ~LiveView() { end(); }
  LiveView(const LiveView&) = delete;
  LiveView& operator=(const LiveView&) = delete;

  void begin(UiMode mode);
  /// Each second.
  void show(const RunState& state);
  /// A line that stays: events in plain mode.
  void tell(const std::string& line);
  void end();

  void on_ready(std::uint32_t epoll_events) override;

 private:
  Poller& poller_;
  LiveKeys& keys_;
  bool on_terminal_ = false;
  bool silent_ = true;
  bool reads_keys_ = false;
  bool help_ = false;
  bool colours_ = false;
  std::size_t lines_drawn_ = 0;
  Micros plain_at_{-1'000'000'000};
  std::string saved_terminal_;  // A termios, as bytes.
};

}  // namespace loadgen
