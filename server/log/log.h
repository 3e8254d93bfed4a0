#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <initializer_list>
#include <source_location>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>

#include "server/config/config.h"

/// The node's log: one event a line, as JSON (or as text for a person), on stderr.
///
/// An event has a level, an area (`session`, `replication`, …), a name in snake_case and fields.
/// Never a message's body, never a secret. Lines look like
/// `{"time":"2026-01-31T12:00:00.123Z","level":"info","node":"n1","area":"peers","event":"joined",…}`.
///
/// Threads: all of this is [any loop] and waits for nothing: lines pass through a bounded queue to
/// a thread that writes them. When the queue is full its oldest line goes, and is counted.
namespace server::log {

using Level = LogLevel;

/// What a field can hold. Strings are copied before event() returns; more than 256 bytes are cut,
/// control characters and what is not UTF-8 are escaped (hardening E10, T4).
class Value {
 public:
  Value(std::string_view text) : value_(text) {}  // NOLINT(google-explicit-constructor)
  Value(const char* text)
      : value_(std::string_view(text)) {}  // NOLINT(google-explicit-constructor)
  Value(const std::string& text) : value_(std::string_view(text)) {}  // NOLINT
  Value(bool value) : value_(value) {}    // NOLINT(google-explicit-constructor)
  Value(double value) : value_(value) {}  // NOLINT(google-explicit-constructor)
  template <class Integer>
    requires(std::is_integral_v<Integer> && !std::is_same_v<Integer, bool>)
  Value(Integer value)  // NOLINT(google-explicit-constructor)
      : value_(
            static_cast<std::conditional_t<std::is_signed_v<Integer>, std::int64_t, std::uint64_t>>(
                value)) {}

  const auto& get() const { return value_; }

 private:
  std::variant<std::string_view, bool, double, std::int64_t, std::uint64_t> value_;
};

struct Field {
  std::string_view key;  ///< A literal in snake_case.
  Value value;
};

struct Options {
  LogFormat format = LogFormat::json;
  Level level = Level::info;
  std::string node{};
  std::size_t queue_max = 8192;      ///< Lines waiting to be written.
  std::uint32_t site_rate_max = 20;  ///< Lines a second from one place in the code (hardening E10).

  /// Takes each line (without its end) on the log's thread; stderr if empty.
  std::function<void(std::string_view line)> sink{};
};

/// Starts the log; events before it are written to stderr at once. Not while another is running.
void start(Options options);

/// Writes what is queued, then ends. Events after it are written to stderr at once.
void stop();

/// Whether an event of this level would be written: for fields that are dear to compute.
bool is_enabled(Level level);

/// Logs one event. More than `site_rate_max` a second from one `site` are left out, and the next
/// line from there says how many in `suppressed`.
void event(Level level, std::string_view area, std::string_view name,
           std::initializer_list<Field> fields = {},
           std::source_location site = std::source_location::current());

/// Logs, as `failed_unexpectedly`, what escaped from a coroutine: a fault of this program.
void failed_unexpectedly(std::string_view area, const std::exception_ptr& failure,
                         std::source_location site = std::source_location::current());

std::uint64_t dropped();     ///< Lines lost because the queue was full.
std::uint64_t suppressed();  ///< Lines left out by the rate.

}  // namespace server::log
