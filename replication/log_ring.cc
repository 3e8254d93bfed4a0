#include "replication/log_ring.h"

#include <algorithm>
#include <utility>

#include "replication/entry.h"

namespace replication {
namespace {

// Small enough that dropping the oldest segment loses little, large enough to be allocated rarely.
constexpr std::size_t segment_bytes = 64 * 1024;

}  // namespace

Position LogRing::append(const Entry& entry) {
  const std::size_t size = entry_size(entry);
  std::lock_guard lock(mutex_);
  if (segments_.empty() || segments_.back().bytes.size() + size > segment_bytes)
    begin_segment(size);
  Segment& last = segments_.back();
  append_entry(entry, last.bytes);
  ++last.count;
  bytes_ += size;
  const Position position = head_.load(std::memory_order_relaxed) + 1;
  head_.store(position, std::memory_order_release);
  return position;
}

void LogRing::begin_segment(std::size_t entry_size) {
  // A ring that may keep nothing still keeps the newest segment, so that readers can follow.
  while (segments_.size() > 1 && bytes_ + entry_size > bytes_max_) {
    bytes_ -= segments_.front().bytes.size();
    spare_ = std::move(segments_.front().bytes);
    segments_.pop_front();
  }
  Segment segment{.first = head_.load(std::memory_order_relaxed) + 1, .count = 0, .bytes = {}};
  segment.bytes.swap(spare_);
  segment.bytes.clear();
  segment.bytes.reserve(std::max(std::min(segment_bytes, bytes_max_), entry_size));
  segments_.push_back(std::move(segment));
}

bool LogRing::has_after(Position position) const {
  std::lock_guard lock(mutex_);
  if (position > head()) return false;
  return position == head() || segments_.front().first <= position + 1;
}

bool LogRing::read(Cursor& cursor, std::size_t bytes_max, const Wanted* wanted, std::string& out) {
  std::lock_guard lock(mutex_);
  if (cursor.position >= head()) return cursor.position == head();
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
  const std::string_view bytes = segment->bytes;
  if (wanted == nullptr && bytes.size() - cursor.offset <= bytes_max) {
    out += bytes.substr(cursor.offset);
    cursor.offset = bytes.size();
    cursor.position = segment->first + segment->count - 1;
    return true;
  }
  const std::size_t end = std::min(bytes.size(), cursor.offset + bytes_max);
  std::size_t begin = cursor.offset;  // Of what is wanted and not copied yet.
  while (cursor.offset < end) {
    const std::size_t size = entry_size(bytes.substr(cursor.offset));
    const std::string_view entry = bytes.substr(cursor.offset, size);
    ++cursor.position;
    if (wanted != nullptr && !(*wanted)(entry, cursor.position)) {
      out += bytes.substr(begin, cursor.offset - begin);
      begin = cursor.offset + size;
    }
    cursor.offset += size;
  }
  out += bytes.substr(begin, cursor.offset - begin);
  return true;
}

}  // namespace replication
