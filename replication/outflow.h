#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "replication/environment.h"
#include "replication/error.h"
#include "replication/frame.h"
#include "replication/log_ring.h"
#include "replication/node_id.h"
#include "replication/outbox.h"
#include "replication/resume.h"
#include "replication/table_core.h"

namespace replication {

class Carrier;
class NodeState;

/// What one proven link sends: acks and heartbeats first, then messages, the tables' logs and
/// snapshots, and what it carries for other nodes, in turns. Knows no socket.
///
/// A snapshot goes shard by shard, with the live log in between. An entry of the log is left out
/// while its shard has yet to be copied, and when the copy stands for a later position: so the
/// peer sees each key change in the order of the log, and no writer waits for more than the copy
/// of one shard.
///
/// Threads: the link thread.
class Outflow {
 public:
  Outflow(NodeState& node, NodeRef peer);

  /// The tunnels over this link have their turns from here on.
  void carry(Carrier& carrier) { carrier_ = &carrier; }

  /// Queues a frame that goes before all others.
  void control(FrameKind kind, std::string_view body);
  std::size_t control_bytes() const { return control_.size(); }

  /// The peer has said where it stands: logs and messages can flow.
  boost::system::error_code start(const Resume& resume);

  /// Acks. Errors: bad_frame, for more than was ever sent.
  boost::system::error_code log_acked(std::uint16_t table, Position position);
  boost::system::error_code message_acked(std::uint64_t number);

  /// Appends what there is to send, up to about `bytes_max`.
  void fill(std::size_t bytes_max, std::string& out);

  /// The peer has said where it stands: until then acked() tells nothing.
  bool started() const { return started_; }

  void set_settled() { settled_ = true; }

  /// The peer has applied all that was there when the link came up.
  bool settled() const { return settled_; }

  /// The peer's ack of each of the node's tables, or nothing for one that it does not have.
  struct Acked {
    bool known = false;
    Position position = 0;
  };
  Acked acked(std::size_t table) const;

  /// Acks of the tables' logs are under way, and will soon be here. Until then a few writes wait
  /// for more, unless something else is to be sent.
  bool expects_ack() const;

  std::uint64_t resyncs() const { return resyncs_; }
  std::chrono::microseconds ack_latency() const { return ack_latency_; }
  std::chrono::microseconds ack_latency_max() const { return ack_latency_max_; }

 private:
  enum class Phase { unknown, snapshot, live };

  struct Sample {  // One message or write on its way, to measure how long its ack takes.
    std::uint64_t number = 0;
    Environment::Time at;
  };

  struct Flow {
    Phase phase = Phase::unknown;
    LogRing::Cursor cursor;
    Position acked = 0;
    Position target = 0;             // Of the log when the link came up.
    std::vector<Position> copied;    // Snapshot: per copied shard, what its copy stands for.
    std::deque<std::string> chunks;  // Snapshot: copied, not sent.
    std::uint64_t records = 0;
    Sample sample;
  };

  void begin_snapshot(std::size_t table, std::string& out);
  bool gathers(std::size_t table) const;
  bool send_some(std::size_t table, std::string& out);
  bool send_log(std::size_t table, std::string& out);
  void send_chunk(std::size_t table, std::string& out);
  void note_sent(Sample& sample, std::uint64_t number);
  void note_acked(Sample& sample, std::uint64_t number);
  bool caught_up() const;

  NodeState& node_;
  const NodeRef peer_;
  Outbox& outbox_;
  Carrier* carrier_ = nullptr;
  std::string control_;
  std::vector<Flow> flows_;  // By the node's table numbers.
  bool started_ = false;
  bool caught_up_sent_ = false;
  bool settled_ = false;
  std::uint64_t resyncs_ = 0;
  Sample message_sample_;
  std::chrono::microseconds ack_latency_{0};
  std::chrono::microseconds ack_latency_max_{0};
  std::chrono::microseconds ack_latency_min_ = std::chrono::microseconds::max();
};

}  // namespace replication
