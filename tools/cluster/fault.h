#pragma once

#include <boost/system/result.hpp>
#include <string>
#include <utility>

namespace cluster {

/// Why a command could not be done, in the words that its user reads.
struct Fault {
  Fault() = default;  // No fault: what a Result without one answers when asked.
  Fault(std::string its_text, std::string its_fix, std::string its_log = "")
      : text(std::move(its_text)), fix(std::move(its_fix)), log(std::move(its_log)) {}

  std::string text;  // What, where and why.
  std::string fix;   // What to type next; may be empty.
  std::string log;   // The last lines that the failing process wrote; may be empty.
};

/// Faults here are for a person to read and act on, so they carry text and no code.
template <class T>
using Result = boost::system::result<T, Fault>;

}  // namespace cluster
