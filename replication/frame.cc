#include "replication/frame.h"

#include "replication/wire.h"

namespace replication {

std::size_t begin_frame(FrameKind kind, std::string& out) {
  std::size_t begin = out.size();
  out.append(4, '\0');
  out.push_back(static_cast<char>(kind));
  return begin;
}

void end_frame(std::size_t begin, std::string& out) {
  auto length = static_cast<std::uint32_t>(out.size() - begin - 4);
  for (int i = 0; i < 4; ++i) out[begin + i] = static_cast<char>(length >> (24 - 8 * i));
}

void append_frame(FrameKind kind, std::string_view body, std::string& out) {
  std::size_t begin = begin_frame(kind, out);
  out += body;
  end_frame(begin, out);
}

void FrameDecoder::feed(std::string_view bytes) {
  buffer_.erase(0, taken_);
  taken_ = 0;
  buffer_ += bytes;
}

Result<std::optional<Frame>> FrameDecoder::next() {
  std::string_view rest = std::string_view(buffer_).substr(taken_);
  if (rest.size() < 4) return std::optional<Frame>();
  std::size_t length = WireReader(rest).number<std::uint32_t>();
  if (length == 0 || length > frame_bytes_max_) return make_error_code(Errc::bad_frame);
  if (rest.size() < 4 + length) return std::optional<Frame>();
  taken_ += 4 + length;
  return std::optional<Frame>(Frame{.kind = static_cast<FrameKind>(rest[4]),
                                    .body = rest.substr(frame_header_bytes, length - 1)});
}

}  // namespace replication
