#pragma once

#include <boost/unordered/unordered_flat_set.hpp>
#include <chrono>
#include <cstddef>
#include <deque>
#include <utility>

#include "server/storage/message_id.h"

namespace server {

/// Which messages of other nodes' clients those of one loop have acknowledged lately.
///
/// The node that answers for such a message may be gone before it hears of the ack, and have stored
/// the message: then it is offered to a client that has had it. Bounded in time and number; what is
/// forgotten may come twice.
class RecentAcks {
 public:
  using Time = std::chrono::steady_clock::time_point;

  void add(MessageId id, Time now) {
    if (!ids_.insert(id).second) return;
    by_age_.emplace_back(now, id);
    if (by_age_.size() > count_max) forget_oldest();
  }

  [[nodiscard]] bool has(MessageId id) const { return ids_.contains(id); }

  void forget_old(Time now) {
    while (!by_age_.empty() && by_age_.front().first + age_max <= now) forget_oldest();
  }

 private:
  // A node that says nothing is gone after `forget_after`, 30 s unless configured otherwise.
  static constexpr auto age_max = std::chrono::seconds(60);
  static constexpr std::size_t count_max = 65'536;  // Some 3 MiB.

  void forget_oldest() {
    ids_.erase(by_age_.front().second);
    by_age_.pop_front();
  }

  struct Hash {
    std::size_t operator()(const MessageId& id) const {
      return (id.at ^ id.origin) * 0x9e3779b97f4a7c15U;
    }
  };

  boost::unordered_flat_set<MessageId, Hash> ids_;
  std::deque<std::pair<Time, MessageId>> by_age_;
};

}  // namespace server
