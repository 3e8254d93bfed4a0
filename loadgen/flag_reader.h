#pragma once

#include <string>
#include <utility>
#include <vector>

#include "loadgen/fault.h"

namespace loadgen {

/// Turns the texts of flags into values, and gathers what is wrong with them: all of it is told at
/// once.
class FlagReader {
 public:
  /// Parses `text` into `target`; an empty one leaves it as it is.
  template <class T, class Parse>
  void take(const char* flag, const std::string& text, T& target, Parse parse) {
    if (text.empty()) return;
    const auto value = parse(text);
    if (value.has_error()) {
      faults_ += std::string(flag) + ": " + value.error().text + "\n";
    } else {
      target = *value;
    }
  }
  /// One of a fixed list of words.
  template <class T>
  void choose(const char* flag, const std::string& text, T& target,
              const std::vector<std::pair<std::string, T>>& choices) {
    std::string names;
    for (const auto& [name, value] : choices) {
      if (name == text) {
        target = value;
        return;
      }
      names += (names.empty() ? "" : ", ") + name;
    }
    faults_ += std::string(flag) + ": `" + text + "` is none of " + names + "\n";
  }
  void fault(const std::string& text) { faults_ += text + "\n"; }
  [[nodiscard]] const std::string& faults() const { return faults_; }

 private:
  std::string faults_;
};

}  // namespace loadgen
