#include "replication/log_ring.h"

#include <algorithm>
#include <cassert>

#include "replication/entry.h"

namespace replication {
namespace {

// Small enough that dropping the oldest segment loses little, large enough to be allocated rarely.
constexpr std::size_t segment_bytes = 64 * 1024;

}  // namespace

Position LogRing::append(std::string_view entry) {
  std::lock_guard lock(mutex_);
  if (segments_.empty() || segments_.back().bytes.size() + entry.size() > segment_bytes) {
    // A ring that may keep nothing still keeps the newest segment, so that readers can follow.
    while (segments_.size() > 1 && bytes_ + entry.size() > bytes_max_) {
      bytes_ -= segments_.front().bytes.size();
      segments_.pop_front();
    }
    segments_.push_back({.first = head_ + 1, .count = 0, .bytes = {}});
    segments_.back().bytes.reserve(std::max(std::min(segment_bytes, bytes_max_), entry.size()));
  }
  Segment& last = segments_.back();
  last.bytes += entry;
  ++last.count;
  bytes_ += entry.size();
  return ++head_;
}

Position LogRing::head() const {
  std::lock_guard lock(mutex_);
  return head_;
}

bool LogRing::has_after(Position position) const {
  std::lock_guard lock(mutex_);
  if (position > head_) return false;
  return position == head_ || segments_.front().first <= position + 1;
}

bool LogRing::read(Cursor& cursor, std::size_t bytes_max, const Wanted* wanted, std::string& out) {
  std::lock_guard lock(mutex_);
  if (cursor.position >= head_) return cursor.position == head_;
  const Position next = cursor.position + 1;
  if (segments_.front().first > next) return false;
  auto segment = std::upper_bound(
      segments_.begin(), segments_.end(), next,
      [](Position position, const Segment& segment) { return position < segment.first; });
  --segment;
  if (cursor.segment_first != segment->first) {
    cursor.segment_first = segment->first;
    cursor.offset = 0;
    for (Position at = segment->first; at < next; ++at) {
      cursor.offset += entry_size(std::string_view(segment->bytes).substr(cursor.offset));
    }
  }
  // One segment a call at most: the lock is held for the copy of at most 64 KiB or one entry.
  std::size_t taken = 0;
  while (cursor.offset < segment->bytes.size() && taken < bytes_max) {
    std::string_view rest = std::string_view(segment->bytes).substr(cursor.offset);
    std::string_view entry = rest.substr(0, entry_size(rest));
    ++cursor.position;
    if (wanted == nullptr || (*wanted)(entry, cursor.position)) out += entry;
    cursor.offset += entry.size();
    taken += entry.size();
  }
  return true;
}

}  // namespace replication
