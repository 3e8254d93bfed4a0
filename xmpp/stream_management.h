#pragma once

#include <boost/container/devector.hpp>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace xmpp {

/// How many stanzas one side has handled or sent since `<enable/>`, by XEP-0198 §4: it wraps to 0
/// after 2^32 - 1.
using StanzaCount = std::uint32_t;

/// What an unacked queue may hold. Either bound is reached with the stanza that goes over it.
struct UnackedLimits {
  std::size_t stanzas_max = 500;
  std::size_t bytes_max = 1u << 20;
};

/// What came of an `<a h='…'/>`.
enum class AckOutcome : std::uint8_t {
  accepted,                ///< Zero or more stanzas were released.
  handled_count_too_high,  ///< More than were sent: answer handled_count_too_high_xml(), close.
};

/// The stanzas sent in a session that the other side has not yet acknowledged, oldest first, with
/// the counter of those sent (XEP-0198 §4).
///
/// `Item` is what the caller keeps of a stanza, mostly a shared serialisation. Bounded in stanzas
/// and bytes: the caller asks has_room() before it sends, and refuses by the policy of hardening
/// "XEP-0198 unacked" when there is none.
///
/// Threads: one thread, that of the session's home loop.
template <class Item>
class UnackedQueue {
 public:
  explicit UnackedQueue(UnackedLimits limits = {}) : limits_(limits) {}

  /// For a resumed session that comes from elsewhere: the count of what was acknowledged so far.
  UnackedQueue(UnackedLimits limits, StanzaCount acked) : limits_(limits), acked_(acked) {}

  bool has_room(std::size_t item_bytes) const {
    return items_.size() < limits_.stanzas_max && item_bytes <= limits_.bytes_max - bytes_;
  }

  /// Counts one stanza as sent and keeps it. Returns false, and does neither, without room.
  [[nodiscard]] bool push(Item item, std::size_t item_bytes) {
    if (!has_room(item_bytes)) {
      return false;
    }
    items_.push_back({std::move(item), item_bytes});
    bytes_ += item_bytes;
    return true;
  }

  /// The other side has handled `h` stanzas; `release(Item&&)` is called for each one newly
  /// acknowledged, oldest first. An `h` that goes back counts as 2^32 ahead, so it is too high.
  template <class Release>
  AckOutcome acknowledge(StanzaCount h, Release release) {
    const StanzaCount newly = h - acked_;  // Modulo 2^32, as XEP-0198 §4 wants.
    if (newly > items_.size()) {
      return AckOutcome::handled_count_too_high;
    }
    for (StanzaCount i = 0; i < newly; ++i) {
      Entry entry = std::move(items_.front());
      items_.pop_front();
      bytes_ -= entry.bytes;
      ++acked_;
      release(std::move(entry.item));
    }
    give_back();
    return AckOutcome::accepted;
  }

  AckOutcome acknowledge(StanzaCount h) {
    return acknowledge(h, [](Item&&) {});
  }

  /// Visits what is unacknowledged, oldest first: for a resumption or the offline store.
  template <class Visit>
  void for_each(Visit visit) const {
    for (const Entry& entry : items_) {
      visit(entry.item);
    }
  }

  /// Empties the queue into `take(Item&&)`, oldest first; counts nothing as acknowledged.
  template <class Take>
  void drain(Take take) {
    while (!items_.empty()) {
      Entry entry = std::move(items_.front());
      items_.pop_front();
      bytes_ -= entry.bytes;
      take(std::move(entry.item));
    }
    give_back();
  }

  std::size_t size() const { return items_.size(); }
  std::size_t bytes() const { return bytes_; }
  bool is_empty() const { return items_.empty(); }
  /// Stanzas that the other side said it handled; and all that were sent.
  StanzaCount acked() const { return acked_; }
  StanzaCount sent() const { return acked_ + static_cast<StanzaCount>(items_.size()); }

 private:
  struct Entry {
    Item item;
    std::size_t bytes;
  };

  // A session is idle most of its life: only a place or two stay for the next stanza.
  void give_back() {
    if (items_.empty() && items_.capacity() > 2) items_ = {};
  }

  UnackedLimits limits_;
  boost::container::devector<Entry> items_;  // Empty it costs nothing; a std::deque half a KB.
  std::size_t bytes_ = 0;
  StanzaCount acked_ = 0;
};

}  // namespace xmpp
