#include "replication/outbox.h"

#include "replication/frame.h"
#include "replication/wire.h"

namespace replication {
namespace {

constexpr std::size_t segment_bytes = 64 * 1024;
constexpr std::size_t overhead = frame_header_bytes + 8;  // Of a message: header and number.
constexpr std::size_t spare = 64;  // What the header promises to keep free of a frame.

std::size_t frame_size(std::string_view bytes) {
  return 4 + WireReader(bytes).number<std::uint32_t>();
}

}  // namespace

Result<void> Outbox::push(std::string_view payload) {
  if (payload.size() + spare > limits_.frame_bytes_max) return make_error_code(Errc::too_large);
  std::lock_guard lock(mutex_);
  if (!open_) return make_error_code(Errc::node_gone);
  if (bytes_ + payload.size() + overhead > limits_.queue_bytes_max) {
    return make_error_code(Errc::queue_full);
  }
  if (segments_.empty() || segments_.back().bytes.size() + payload.size() > segment_bytes) {
    segments_.push_back({.first = next_, .count = 0, .bytes = {}});
  }
  Segment& last = segments_.back();
  std::size_t before = last.bytes.size();
  std::size_t begin = begin_frame(FrameKind::message, last.bytes);
  put_number(next_, last.bytes);
  last.bytes += payload;
  end_frame(begin, last.bytes);
  ++last.count;
  bytes_ += last.bytes.size() - before;
  ++next_;
  return {};
}

std::uint64_t Outbox::read(std::size_t bytes_max, std::string& out) {
  std::lock_guard lock(mutex_);
  const std::size_t start = out.size();
  while (read_segment_ < segments_.size() && out.size() - start < bytes_max) {
    Segment& segment = segments_[read_segment_];
    std::string_view rest = std::string_view(segment.bytes).substr(read_offset_);
    if (rest.empty()) {
      if (read_segment_ + 1 == segments_.size()) break;
      ++read_segment_;
      read_offset_ = 0;
      continue;
    }
    std::size_t size = 0;
    do {
      size += frame_size(rest.substr(size));
      ++read_;
    } while (size < rest.size() && out.size() + size - start < bytes_max);
    out += rest.substr(0, size);
    read_offset_ += size;
  }
  return read_;
}

bool Outbox::acknowledge(std::uint64_t number) {
  std::lock_guard lock(mutex_);
  if (number >= next_) return false;
  if (number <= acked_) return true;
  acked_ = number;
  // Between two links a peer may know of more than has been read for the present one.
  if (read_ < acked_) read_ = acked_;
  while (!segments_.empty() && segments_.front().first + segments_.front().count <= acked_ + 1) {
    bytes_ -= segments_.front().bytes.size();
    segments_.pop_front();
    if (read_segment_ > 0) {
      --read_segment_;
    } else {
      read_offset_ = 0;
    }
  }
  return true;
}

std::uint64_t Outbox::rewind() {
  std::lock_guard lock(mutex_);
  read_ = acked_;
  read_segment_ = 0;
  read_offset_ = 0;
  if (!segments_.empty()) {
    const Segment& front = segments_.front();
    for (std::uint64_t number = front.first; number <= acked_; ++number) {
      read_offset_ += frame_size(std::string_view(front.bytes).substr(read_offset_));
    }
  }
  return read_ + 1;
}

void Outbox::open() {
  std::lock_guard lock(mutex_);
  open_ = true;
}

std::vector<std::string> Outbox::close() {
  std::lock_guard lock(mutex_);
  open_ = false;
  std::vector<std::string> unacknowledged;
  for (const Segment& segment : segments_) {
    std::string_view rest = segment.bytes;
    for (std::uint64_t number = segment.first; !rest.empty(); ++number) {
      std::size_t size = frame_size(rest);
      if (number > acked_) unacknowledged.emplace_back(rest.substr(overhead, size - overhead));
      rest.remove_prefix(size);
    }
  }
  segments_.clear();
  bytes_ = 0;
  acked_ = read_ = next_ - 1;
  read_segment_ = read_offset_ = 0;
  return unacknowledged;
}

Outbox::Backlog Outbox::backlog() const {
  std::lock_guard lock(mutex_);
  return {.messages = next_ - 1 - acked_, .bytes = bytes_, .unread = read_ + 1 < next_};
}

}  // namespace replication
