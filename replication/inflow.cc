#include "replication/inflow.h"

#include <algorithm>

#include "replication/carrier.h"
#include "replication/hello.h"
#include "replication/node_state.h"
#include "replication/resume.h"
#include "replication/wire.h"

namespace replication {

using boost::system::error_code;

std::uint64_t ping_stamp(Environment::Time now) {
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(now.time_since_epoch()).count());
}

Inflow::Inflow(NodeState& node, NodeRef peer, Outflow& outflow, Carrier* carrier)
    : node_(node),
      peer_(peer),
      outflow_(outflow),
      carrier_(carrier),
      begun_(node.environment->now()),
      answered_(begun_) {}

void Inflow::begin() {
  Owners::Owner& owner = node_.owners.owner(peer_);
  Resume resume;
  resume.message_received = owner.message_received;
  resume.message_next = owner.outbox.rewind();
  for (std::size_t number = 0; number < node_.tables.size(); ++number) {
    TableCore& table = *node_.tables[number];
    auto replica = table.replica(peer_);
    resume.tables.push_back({.number = static_cast<std::uint16_t>(number),
                             .version = table.options().version,
                             .unique = table.options().unique,
                             .complete = replica.complete,
                             .applied = replica.applied,
                             .name = table.name()});
  }
  outflow_.control(FrameKind::resume, encode(resume));
}

error_code Inflow::take(const Frame& frame) {
  if (!resumed_ && frame.kind != FrameKind::resume && frame.kind != FrameKind::refuse) {
    return Errc::bad_frame;
  }
  switch (frame.kind) {
    case FrameKind::resume:
      return take_resume(frame.body);
    case FrameKind::snapshot_begin:
      return take_snapshot_begin(frame.body);
    case FrameKind::snapshot_records:
      return take_snapshot_records(frame.body);
    case FrameKind::snapshot_end:
      return take_snapshot_end(frame.body);
    case FrameKind::log:
      return take_log(frame.body);
    case FrameKind::log_ack:
      return take_log_ack(frame.body);
    case FrameKind::message:
      return take_message(frame.body);
    case FrameKind::message_ack:
      return take_message_ack(frame.body);
    case FrameKind::caught_up:
      if (!caught_up_) {
        caught_up_ = true;
        join_.duration = std::chrono::duration_cast<std::chrono::microseconds>(
            node_.environment->now() - begun_);
        outflow_.control(FrameKind::settled, {});
      }
      return {};
    case FrameKind::settled:
      outflow_.set_settled();
      return {};
    case FrameKind::ping:
      outflow_.control(FrameKind::pong, frame.body.substr(0, 8));
      return {};
    case FrameKind::pong: {
      WireReader reader(frame.body);
      auto sent = reader.number<std::uint64_t>();
      const auto time = node_.environment->now();
      auto now = ping_stamp(time);
      if (reader.ok() && sent <= now) {
        round_trip_ = std::chrono::microseconds(now - sent);
        answered_ = time;
      }
      return {};
    }
    case FrameKind::leave:
      left_ = true;
      return {};
    case FrameKind::refuse:
      return decode_refusal(frame.body);  // Of two links dialled at once, the other one stays.
    case FrameKind::hello:
    case FrameKind::proof:
      return Errc::bad_frame;
    case FrameKind::reach:
    case FrameKind::relay_open:
    case FrameKind::relay_offer:
    case FrameKind::relay_data:
    case FrameKind::relay_credit:
    case FrameKind::relay_close:
      // No tunnel goes through a tunnel.
      return carrier_ != nullptr ? carrier_->take(frame) : make_error_code(Errc::bad_frame);
  }
  return {};  // R10: a newer release's; what we must understand would have changed the protocol.
}

error_code Inflow::take_resume(std::string_view body) {
  auto resume = decode_resume(body);
  if (!resumed_ && resume) {
    resumed_ = true;
  } else {
    return Errc::bad_frame;
  }
  for (const Resume::Table& theirs : resume->tables) {
    auto ours = std::find_if(node_.tables.begin(), node_.tables.end(), [&](const auto& table) {
      return table->name() == theirs.name && table->options().unique == theirs.unique;
    });
    if (find(theirs.number) != nullptr) return Errc::bad_frame;
    logs_.push_back(
        {.number = theirs.number, .table = ours == node_.tables.end() ? nullptr : ours->get()});
    if (ours != node_.tables.end() && (*ours)->options().version != theirs.version) {
      node_.events.table_version_differs(node_.owners.id(peer_), theirs.name, theirs.version);
    }
  }
  // Messages that the peer has handed back to its own caller will never come.
  auto& received = node_.owners.owner(peer_).message_received;
  received = std::max(received, resume->message_next - 1);
  return outflow_.start(*resume);
}

Inflow::Log* Inflow::find(std::uint16_t number) {
  auto found = std::find_if(logs_.begin(), logs_.end(),
                            [&](const Log& log) { return log.number == number; });
  return found == logs_.end() ? nullptr : &*found;
}

// What was applied so far may be half of something: only a snapshot mends it.
error_code Inflow::broken(Log& log, Errc why) {
  log.table->forget_replica(peer_);
  return why;
}

error_code Inflow::apply(Log& log, std::string_view entries) {
  std::uint64_t before = join_.records;
  if (!log.table->apply(peer_, entries, join_.records)) return broken(log, Errc::bad_frame);
  if (caught_up_) {
    join_.records = before;  // The join is over; this is daily life.
  } else {
    join_.bytes += entries.size();
  }
  return {};
}

error_code Inflow::take_snapshot_begin(std::string_view body) {
  WireReader reader(body);
  Log* log = find(reader.number<std::uint16_t>());
  auto position = reader.number<Position>();
  if (!reader.ok() || log == nullptr) return Errc::bad_frame;
  if (log->table == nullptr) return {};
  log->table->begin_snapshot(peer_, position);
  log->in_snapshot = true;
  return {};
}

error_code Inflow::take_snapshot_records(std::string_view body) {
  WireReader reader(body);
  Log* log = find(reader.number<std::uint16_t>());
  if (!reader.ok() || log == nullptr) return Errc::bad_frame;
  if (log->table == nullptr) return {};
  if (!log->in_snapshot) return Errc::bad_frame;
  return apply(*log, reader.rest());
}

error_code Inflow::take_snapshot_end(std::string_view body) {
  WireReader reader(body);
  Log* log = find(reader.number<std::uint16_t>());
  if (!reader.ok() || log == nullptr) return Errc::bad_frame;
  if (log->table == nullptr) return {};
  if (!log->in_snapshot) return Errc::bad_frame;
  log->table->end_snapshot(peer_);
  log->in_snapshot = false;
  log->moved = true;
  return {};
}

error_code Inflow::take_log(std::string_view body) {
  WireReader reader(body);
  Log* log = find(reader.number<std::uint16_t>());
  auto from = reader.number<Position>();
  auto to = reader.number<Position>();
  if (!reader.ok() || log == nullptr || to < from) return Errc::bad_frame;
  if (log->table == nullptr) return {};
  if (!log->in_snapshot && !log->table->replica(peer_).complete) return Errc::bad_frame;
  if (from != log->table->applied(peer_)) return broken(*log, Errc::sequence_gap);
  if (auto error = apply(*log, reader.rest())) return error;
  log->table->set_applied(peer_, to);
  log->moved = true;
  return {};
}

error_code Inflow::take_log_ack(std::string_view body) {
  WireReader reader(body);
  auto table = reader.number<std::uint16_t>();
  auto position = reader.number<Position>();
  if (!reader.ok()) return Errc::bad_frame;
  return outflow_.log_acked(table, position);
}

error_code Inflow::take_message(std::string_view body) {
  WireReader reader(body);
  auto number = reader.number<std::uint64_t>();
  if (!reader.ok()) return Errc::bad_frame;
  auto& received = node_.owners.owner(peer_).message_received;
  if (number > received + 1) return Errc::sequence_gap;
  if (number <= received) return {};  // Sent again by a peer that missed our ack.
  if (node_.message_handler) node_.message_handler(peer_, reader.rest());
  received = number;
  message_moved_ = true;
  return {};
}

error_code Inflow::take_message_ack(std::string_view body) {
  WireReader reader(body);
  auto number = reader.number<std::uint64_t>();
  if (!reader.ok()) return Errc::bad_frame;
  return outflow_.message_acked(number);
}

void Inflow::acknowledge() {
  for (Log& log : logs_) {
    // In mid-snapshot the position is not yet true of all records.
    if (!log.moved || log.in_snapshot) continue;
    log.moved = false;
    std::string body;
    put_number(log.number, body);
    put_number(log.table->applied(peer_), body);
    outflow_.control(FrameKind::log_ack, body);
  }
  if (!message_moved_) return;
  message_moved_ = false;
  std::string body;
  put_number(node_.owners.owner(peer_).message_received, body);
  outflow_.control(FrameKind::message_ack, body);
}

}  // namespace replication
