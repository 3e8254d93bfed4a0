#pragma once

#include <string>
#include <utility>

#include "server/config/sources.h"

namespace server {

/// Collects what is wrong, at the place where the value of one option was written.
class Checker {
 public:
  Checker(const GivenValues& given, ConfigFaults& faults) : given_(given), faults_(faults) {}

  /// A fault that the message alone explains takes one line; with a fix the file's line is shown.
  void fault(const std::string& name, std::string message, std::string fix = "") {
    ConfigFault fault;
    if (const auto at = given_.find(name); at != given_.end()) fault = at->second.place;
    fault.message = std::move(message);
    fault.fix = std::move(fix);
    if (fault.fix.empty()) fault.excerpt.clear();
    faults_.push_back(std::move(fault));
  }

  bool is_given(const std::string& name) const { return given_.contains(name); }

  /// Whether somebody wrote a text that is not empty, be it right or wrong.
  bool has_text(const std::string& name) const {
    const auto at = given_.find(name);
    if (at == given_.end()) return false;
    const auto* text = std::get_if<std::string>(&at->second.value);
    return text == nullptr || !text->empty();
  }

  std::string referred(const std::string& name) const { return server::referred(given_, name); }

 private:
  const GivenValues& given_;
  ConfigFaults& faults_;
};

/// Of clients, peers and MySQL: what is missing, cannot be read, or does not belong together.
void check_tls(const Draft& draft, Checker& checker);

}  // namespace server
