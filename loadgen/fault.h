#pragma once

#include <boost/system/result.hpp>
#include <string>
#include <utility>

namespace loadgen {

/// What went wrong, in words for the person at the terminal: what, where, why, what to type next.
/// The generator has no caller that would choose by code, so its errors carry no code but the one
/// the process ends with.
struct Fault {
  std::string text;
};

/// A value, or why there is none. Reading the wrong side asserts.
template <class T>
using Result = boost::system::result<T, Fault>;

/// Boost asks for this where `.value()` is called on a fault; nothing here does.
[[noreturn]] void throw_exception_from_error(const Fault& fault, const boost::source_location& at);

/// How `meerkat-load` ends. Wrong beats inconclusive beats slow.
enum class ExitCode {
  pass = 0,
  slow = 1,          // A threshold was missed.
  wrong = 2,         // The audit found a lost, doubled, reordered, altered or stray stanza.
  inconclusive = 3,  // The generator itself was late, or a phase was not reached.
  command_line = 64,
  scenario_file = 65,
  unreachable = 69,
  internal = 70,
  interrupted = 130,  // The report is written all the same.
};

}  // namespace loadgen
