#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "replication/frame.h"

namespace replication {

/// A peer that knows the secret and then sends what no node would: a plain socket, on which a
/// test writes frames by hand.
class ProvenPeer {
 public:
  /// Linked and proven, as that life of `name`. Nothing has been sent behind the proof.
  /// Throws std::runtime_error when the other side does not take it.
  ProvenPeer(std::uint16_t port, const std::string& name, std::uint64_t incarnation);
  ~ProvenPeer();
  ProvenPeer(const ProvenPeer&) = delete;
  ProvenPeer& operator=(const ProvenPeer&) = delete;

  /// As much as the other side takes; false: it took not all of it, having closed the link.
  bool send(std::string_view bytes);

  /// The body of the next frame of that kind, skipping others; empty when the other side closes or
  /// sends none for some seconds. Before is_closed(), if at all.
  std::string next(FrameKind kind);

  /// Waits until the other side closes; false: it does not, for some seconds. What comes before is
  /// not looked at.
  bool is_closed();

 private:
  std::string read_some();

  int socket_ = -1;
  FrameDecoder decoder_;
};

/// One whole frame.
inline std::string frame(FrameKind kind, std::string_view body) {
  std::string bytes;
  append_frame(kind, body, bytes);
  return bytes;
}

}  // namespace replication
