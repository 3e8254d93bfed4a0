#pragma once

#include <chrono>
#include <cstdint>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "benchmarks/replication/replica/latencies.h"

namespace benchmarks {

/// The words of one command; each is taken once, in order.
class Words {
 public:
  explicit Words(std::string_view line);

  bool empty() const { return next_ == words_.size(); }
  std::string text(const std::string& otherwise = {});
  std::uint64_t number(std::uint64_t otherwise = 0);
  double decimal(double otherwise = 0);

 private:
  std::vector<std::string> words_;
  std::size_t next_ = 0;
};

/// What is answered to a command: "ok name=value …".
class Answer {
 public:
  template <class T>
  Answer& with(const char* name, const T& value) {
    text_ << ' ' << name << '=' << value;
    return *this;
  }
  Answer& with_seconds(double seconds);
  Answer& with_seconds_since(std::chrono::steady_clock::time_point begun);
  Answer& with_times(const Latencies& latencies);
  operator std::string() const { return text_.str(); }

 private:
  std::ostringstream text_{"ok", std::ios::ate};
};

/// "error why".
std::string error(const std::string& why);

}  // namespace benchmarks
