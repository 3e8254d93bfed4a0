#include "replication/outflow.h"

#include <algorithm>
#include <cassert>
#include <iterator>
#include <utility>

#include "replication/carrier.h"
#include "replication/entry.h"
#include "replication/node_state.h"
#include "replication/wire.h"

namespace replication {
namespace {

// A turn of one stream before the next has its turn: a few milliseconds of a slow network.
constexpr std::size_t turn_bytes = 64 * 1024;

// So many writes leave without waiting for the ack of earlier ones: they fill frames well enough.
constexpr Position gathered_max = 256;

// To a peer further away than that, none wait: they would arrive so much later.
constexpr auto near = std::chrono::milliseconds(2);

}  // namespace

Outflow::Outflow(NodeState& node, NodeRef peer)
    : node_(node),
      peer_(peer),
      outbox_(node.owners.owner(peer).outbox),
      flows_(node.tables.size()) {}

void Outflow::control(FrameKind kind, std::string_view body) { append_frame(kind, body, control_); }

boost::system::error_code Outflow::start(const Resume& resume) {
  if (!outbox_.acknowledge(resume.message_received)) return Errc::bad_frame;
  outbox_.rewind();
  for (std::size_t number = 0; number < node_.tables.size(); ++number) {
    TableCore& table = *node_.tables[number];
    auto known =
        std::find_if(resume.tables.begin(), resume.tables.end(), [&](const Resume::Table& theirs) {
          return theirs.name == table.name() && theirs.unique == table.options().unique;
        });
    if (known == resume.tables.end()) continue;  // A release without this table.
    Flow& flow = flows_[number];
    flow.target = table.log().head();
    if (known->complete && known->applied > flow.target) return Errc::bad_frame;
    if (known->complete && table.log().has_after(known->applied)) {
      flow.phase = Phase::live;
      flow.cursor.position = flow.acked = known->applied;
      continue;
    }
    if (known->complete) {
      ++resyncs_;
      node_.events.resync(node_.owners.id(peer_), table.name(), "away longer than the log is kept");
    }
    begin_snapshot(number, control_);
  }
  started_ = true;
  return {};
}

void Outflow::begin_snapshot(std::size_t number, std::string& out) {
  Flow& flow = flows_[number];
  flow.phase = Phase::snapshot;
  flow.cursor = {};
  flow.cursor.position = node_.tables[number]->log().head();
  flow.copied.clear();
  flow.chunks.clear();
  flow.records = 0;
  std::string body;
  put_number(static_cast<std::uint16_t>(number), body);
  put_number(flow.cursor.position, body);
  append_frame(FrameKind::snapshot_begin, body, out);
}

boost::system::error_code Outflow::log_acked(std::uint16_t table, Position position) {
  if (table >= flows_.size()) return Errc::bad_frame;
  Flow& flow = flows_[table];
  if (flow.phase == Phase::unknown || position > flow.cursor.position) return Errc::bad_frame;
  flow.acked = std::max(flow.acked, position);
  note_acked(flow.sample, position);
  return {};
}

boost::system::error_code Outflow::message_acked(std::uint64_t number) {
  if (!outbox_.acknowledge(number)) return Errc::bad_frame;
  note_acked(message_sample_, number);
  return {};
}

void Outflow::fill(std::size_t bytes_max, std::string& out) {
  out += control_;
  control_.clear();
  if (!started_) return;
  const bool gather = expects_ack();
  for (bool progress = true; progress && out.size() < bytes_max;) {
    std::size_t before = out.size();
    std::uint64_t sent = outbox_.read(turn_bytes, out);
    progress = out.size() != before;
    if (progress) note_sent(message_sample_, sent);
    for (std::size_t table = 0; table < flows_.size(); ++table) {
      if (gather && out.empty() && gathers(table)) continue;
      if (send_some(table, out)) progress = true;
    }
    if (carrier_ != nullptr && carrier_->fill(turn_bytes, out)) progress = true;
  }
  if (!caught_up_sent_ && caught_up()) {
    append_frame(FrameKind::caught_up, {}, out);
    caught_up_sent_ = true;
  }
}

bool Outflow::send_some(std::size_t number, std::string& out) {
  Flow& flow = flows_[number];
  if (flow.phase == Phase::unknown) return false;
  if (!flow.chunks.empty()) {
    send_chunk(number, out);
    return true;
  }
  // Only between shards: a copied shard must arrive before later writes to it.
  bool progress = send_log(number, out);
  if (flow.phase != Phase::snapshot) return progress;
  TableCore& table = *node_.tables[number];
  if (flow.copied.size() < TableCore::shard_count) {
    std::vector<std::string> chunks;
    auto copy = table.copy_shard(flow.copied.size(), turn_bytes, chunks);
    flow.copied.push_back(copy.position);
    flow.records += copy.records;
    std::move(chunks.begin(), chunks.end(), std::back_inserter(flow.chunks));
    return true;
  }
  std::string body;
  put_number(static_cast<std::uint16_t>(number), body);
  put_number(flow.records, body);
  append_frame(FrameKind::snapshot_end, body, out);
  // Entries that the last copies contain may still lie ahead of the cursor; applying them again in
  // order would show older values for a moment, so they are filtered until the cursor is past them.
  flow.phase = Phase::live;
  return true;
}

void Outflow::send_chunk(std::size_t number, std::string& out) {
  Flow& flow = flows_[number];
  std::size_t begin = begin_frame(FrameKind::snapshot_records, out);
  put_number(static_cast<std::uint16_t>(number), out);
  out += flow.chunks.front();
  end_frame(begin, out);
  flow.chunks.pop_front();
}

bool Outflow::send_log(std::size_t number, std::string& out) {
  Flow& flow = flows_[number];
  TableCore& table = *node_.tables[number];
  const Position from = flow.cursor.position;
  const std::size_t begin = begin_frame(FrameKind::log, out);
  put_number(static_cast<std::uint16_t>(number), out);
  put_number(from, out);
  const std::size_t to_at = out.size();
  put_number(from, out);
  auto wanted = [&](std::string_view entry, Position position) {
    auto taken = take_entry(entry);
    assert(taken);
    std::size_t shard = table.shard_of(taken->group);
    return shard < flow.copied.size() && flow.copied[shard] < position;
  };
  const LogRing::Wanted filter(wanted);
  bool kept =
      table.log().read(flow.cursor, turn_bytes,
                       flow.copied.empty() && flow.phase == Phase::live ? nullptr : &filter, out);
  if (!kept || flow.cursor.position == from) out.resize(begin);
  if (!kept) {
    ++resyncs_;
    node_.events.resync(node_.owners.id(peer_), table.name(), "slower than the log is written");
    begin_snapshot(number, out);
    return true;
  }
  if (flow.phase == Phase::live && !flow.copied.empty() &&
      flow.cursor.position >= *std::max_element(flow.copied.begin(), flow.copied.end())) {
    flow.copied.clear();
    flow.copied.shrink_to_fit();
  }
  if (flow.cursor.position == from) return false;
  std::string to;
  put_number(flow.cursor.position, to);
  out.replace(to_at, to.size(), to);
  end_frame(begin, out);
  note_sent(flow.sample, flow.cursor.position);
  return true;
}

bool Outflow::caught_up() const {
  return std::all_of(flows_.begin(), flows_.end(), [](const Flow& flow) {
    return flow.phase == Phase::unknown ||
           (flow.phase == Phase::live && flow.cursor.position >= flow.target);
  });
}

Outflow::Acked Outflow::acked(std::size_t table) const {
  const Flow& flow = flows_[table];
  return {.known = flow.phase != Phase::unknown, .position = flow.acked};
}

bool Outflow::gathers(std::size_t table) const {
  const Flow& flow = flows_[table];
  return flow.phase == Phase::live &&
         node_.tables[table]->position() - flow.cursor.position < gathered_max;
}

bool Outflow::expects_ack() const {
  return ack_latency_min_ <= near &&
         std::any_of(flows_.begin(), flows_.end(), [](const Flow& flow) {
           return flow.phase == Phase::live && flow.acked < flow.cursor.position;
         });
}

void Outflow::note_sent(Sample& sample, std::uint64_t number) {
  if (sample.number != 0) return;
  sample = {.number = number, .at = node_.environment->now()};
}

void Outflow::note_acked(Sample& sample, std::uint64_t number) {
  if (sample.number == 0 || number < sample.number) return;
  auto took =
      std::chrono::duration_cast<std::chrono::microseconds>(node_.environment->now() - sample.at);
  sample.number = 0;
  ack_latency_ = ack_latency_.count() == 0 ? took : (7 * ack_latency_ + took) / 8;
  ack_latency_max_ = std::max(ack_latency_max_, took);
  ack_latency_min_ = std::min(ack_latency_min_, took);
}

}  // namespace replication
