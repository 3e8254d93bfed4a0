#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "replication/error.h"

namespace replication {

/// What a frame says. Numbers never change; those not listed here are skipped once a link is
/// proven. 32 to 63 are about tunnels (docs/protocol.md §9).
enum class FrameKind : std::uint8_t {
  hello = 1,
  proof = 2,
  refuse = 3,

  resume = 16,
  snapshot_begin = 17,
  snapshot_records = 18,
  snapshot_end = 19,
  log = 20,
  log_ack = 21,
  message = 22,
  message_ack = 23,
  caught_up = 24,
  settled = 25,
  ping = 26,
  pong = 27,
  leave = 28,

  reach = 32,
  relay_open = 33,
  relay_offer = 34,
  relay_data = 35,
  relay_credit = 36,
  relay_close = 37,
};

/// Length u32 (bytes that follow) and kind u8.
constexpr std::size_t frame_header_bytes = 5;

struct Frame {
  FrameKind kind = FrameKind::hello;
  std::string_view body;
};

/// Begins a frame in `out`; end_frame() with the returned place writes its length.
std::size_t begin_frame(FrameKind kind, std::string& out);
void end_frame(std::size_t begin, std::string& out);

/// A whole frame.
void append_frame(FrameKind kind, std::string_view body, std::string& out);

/// Cuts the bytes of a link into frames. Memory grows only as bytes arrive, and to no more than one
/// frame of the limit and what one read brings.
class FrameDecoder {
 public:
  explicit FrameDecoder(std::size_t frame_bytes_max) : frame_bytes_max_(frame_bytes_max) {}

  void set_frame_bytes_max(std::size_t limit) { frame_bytes_max_ = limit; }

  void feed(std::string_view bytes);

  /// The next whole frame, valid until feed(); nothing when more bytes are needed.
  /// Errors: bad_frame, for a length of 0 or over the limit. Nothing can be read after that.
  Result<std::optional<Frame>> next();

 private:
  std::size_t frame_bytes_max_;
  std::string buffer_;
  std::size_t taken_ = 0;
};

}  // namespace replication
