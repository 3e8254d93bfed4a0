#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <random>

#include "server/storage/message_id.h"

namespace server {

/// Gives each message of one loop an id: their order is that of the calls, whatever the clock does.
class MessageIds {
 public:
  MessageId next() {
    const auto now = std::chrono::duration_cast<std::chrono::microseconds>(
        std::chrono::system_clock::now().time_since_epoch());
    last_.at = std::max(last_.at + 1, static_cast<std::uint64_t>(now.count()));
    return last_;
  }

 private:
  // Never 0, and the same number where a database knows only signed ones.
  static std::uint64_t random() {
    std::random_device device;
    return (std::uint64_t{device()} << 32 | device() | 1) & ~(std::uint64_t{1} << 63);
  }

  MessageId last_{.at = 0, .origin = random()};
};

}  // namespace server
