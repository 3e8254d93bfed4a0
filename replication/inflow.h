#pragma once

#include <chrono>
#include <cstdint>
#include <vector>

#include "replication/environment.h"
#include "replication/error.h"
#include "replication/frame.h"
#include "replication/node_id.h"
#include "replication/outflow.h"
#include "replication/status.h"
#include "replication/table_core.h"

namespace replication {

class Carrier;
class NodeState;

/// Takes what one proven link brings. Everything in it is about the peer at the other end: a frame
/// cannot name another owner (hardening K2). Knows no socket.
///
/// Threads: the link thread.
class Inflow {
 public:
  /// `carrier`: takes the frames about tunnels; null on a link that is relayed itself, where none
  /// may come.
  Inflow(NodeState& node, NodeRef peer, Outflow& outflow, Carrier* carrier = nullptr);

  /// Queues the frame that says where this node stands; before take().
  void begin();

  /// Errors: bad_frame, sequence_gap, and those of Carrier. The link must then close.
  boost::system::error_code take(const Frame& frame);

  /// After the frames of one read: queues one ack for each stream that has moved.
  void acknowledge();

  /// All that the peer had when the link came up is here.
  bool caught_up() const { return caught_up_; }
  bool left() const { return left_; }
  const JoinStats& join() const { return join_; }
  std::chrono::microseconds round_trip() const { return round_trip_; }

  /// When the peer last answered a ping, or the link came up: it hears us, too.
  Environment::Time answered() const { return answered_; }

 private:
  struct Log {  // Of one of the peer's tables, by the peer's number.
    std::uint16_t number = 0;
    TableCore* table = nullptr;  // Null: we have no such table, its frames are skipped.
    bool in_snapshot = false;
    bool moved = false;
  };

  boost::system::error_code take_resume(std::string_view body);
  boost::system::error_code take_snapshot_begin(std::string_view body);
  boost::system::error_code take_snapshot_records(std::string_view body);
  boost::system::error_code take_snapshot_end(std::string_view body);
  boost::system::error_code take_log(std::string_view body);
  boost::system::error_code take_log_ack(std::string_view body);
  boost::system::error_code take_message(std::string_view body);
  boost::system::error_code take_message_ack(std::string_view body);
  boost::system::error_code apply(Log& log, std::string_view entries);
  boost::system::error_code broken(Log& log, Errc why);
  Log* find(std::uint16_t number);

  NodeState& node_;
  const NodeRef peer_;
  Outflow& outflow_;
  Carrier* const carrier_;
  const Environment::Time begun_;
  std::vector<Log> logs_;
  bool resumed_ = false;
  bool message_moved_ = false;
  bool caught_up_ = false;
  bool left_ = false;
  JoinStats join_;
  std::chrono::microseconds round_trip_{0};
  Environment::Time answered_;
};

/// What a ping that leaves now carries: microseconds.
std::uint64_t ping_stamp(Environment::Time now);

}  // namespace replication
