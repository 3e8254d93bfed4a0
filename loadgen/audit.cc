#include "loadgen/audit.h"

#include <algorithm>
#include <cassert>
#include <numeric>

namespace loadgen {
namespace {

// One byte a message; the three bits on top are the recipient's stream it was first seen on.
constexpr std::uint8_t written = 1;
constexpr std::uint8_t seen = 2;
constexpr std::uint8_t acknowledged = 4;
constexpr std::uint8_t bounced = 8;
constexpr std::uint8_t written_again = 16;
constexpr int stream_shift = 5;
constexpr std::uint8_t stream_mask = 7;
// In doubt: written, its connection is gone, and nothing was said. As `acknowledged` has no meaning
// together with `written_again` alone, a value of its own is kept in the stream bits, which are
// free as long as the message was not seen.
constexpr std::uint8_t in_doubt = 1 << stream_shift;

bool settled(std::uint8_t state) { return (state & (seen | bounced)) != 0; }

/// Same account? The server may stamp the full JID on what we know by the bare one.
bool same_bare(std::string_view one, std::string_view other) {
  return one.substr(0, one.find('/')) == other.substr(0, other.find('/'));
}

}  // namespace

std::string_view fate_name(Fate fate) {
  static constexpr std::string_view names[fate_count] = {
      "delivered",    "lost",      "duplicated", "reordered",      "altered",
      "misdelivered", "invented",  "unarchived", "archived_twice", "archived_late",
      "redelivered",  "overtaken", "unknown",    "bounced"};
  return names[static_cast<int>(fate)];
}

bool is_wrong(Fate fate) { return fate >= Fate::lost && fate <= Fate::archived_late; }

void AuditCounts::add(const AuditCounts& other) {
  sent += other.sent;
  resent += other.resent;
  acked += other.acked;
  foreign += other.foreign;
  for (std::size_t i = 0; i < fate_count; ++i) fates[i] += other.fates[i];
}

std::uint64_t AuditCounts::open() const {
  const auto closed = of(Fate::delivered) + of(Fate::lost) + of(Fate::unknown) + of(Fate::bounced);
  return sent > closed ? sent - closed : 0;
}

bool AuditCounts::wrong() const {
  for (std::size_t i = 0; i < fate_count; ++i) {
    if (is_wrong(static_cast<Fate>(i)) && fates[i] > 0) return true;
  }
  return false;
}

Audit::Audit(std::string run, AuditNames names, std::size_t offenders_max)
    : run_(std::move(run)), names_(std::move(names)), offenders_max_(offenders_max) {}

void Audit::number_flows(std::uint32_t first, std::uint32_t step) {
  assert(flows_.empty() && step > 0);
  first_ = first;
  step_ = step;
}

std::uint32_t Audit::add_flow(std::uint32_t sender, std::uint32_t recipient) {
  Flow flow;
  flow.sender = sender;
  flow.recipient = recipient;
  flows_.push_back(std::move(flow));
  return first_ + static_cast<std::uint32_t>(flows_.size() - 1) * step_;
}

Audit::Flow* Audit::find(std::uint32_t flow) {
  if (flow < first_ || (flow - first_) % step_ != 0) return nullptr;
  const auto index = (flow - first_) / step_;
  return index < flows_.size() ? &flows_[index] : nullptr;
}

const Audit::Flow& Audit::at(std::uint32_t flow) const {
  const auto index = (flow - first_) / step_;
  assert(index < flows_.size());
  return flows_[index];
}

std::uint32_t Audit::sender(std::uint32_t flow) const { return at(flow).sender; }
std::uint32_t Audit::recipient(std::uint32_t flow) const { return at(flow).recipient; }
std::uint32_t Audit::open(std::uint32_t flow) const { return at(flow).open; }
std::uint32_t Audit::taken(std::uint32_t flow) const { return at(flow).next; }

bool Audit::is_certain(MessageKey key) const {
  const Flow& flow = at(key.flow);
  const bool is_written =
      key.seq < flow.base ||
      (key.seq < flow.next && (flow.window[key.seq - flow.base] & written) != 0);
  return is_written && std::ranges::find(flow.odd, key.seq) == flow.odd.end();
}

bool Audit::is_from_sender(std::uint32_t flow, std::string_view from) const {
  return same_bare(from, names_.jid(at(flow).sender));
}

std::size_t Audit::window_bytes() const {
  return std::accumulate(
      flows_.begin(), flows_.end(), std::size_t{0},
      [](std::size_t sum, const Flow& flow) { return sum + flow.window.size(); });
}

MessageKey Audit::take_next(std::uint32_t flow) {
  Flow* state = find(flow);
  assert(state != nullptr);
  state->window.push_back(0);
  return {flow, state->next++};
}

void Audit::on_written(MessageKey key, bool again) {
  Flow* flow = find(key.flow);
  assert(flow != nullptr && key.seq < flow->next);
  if (again) {
    ++counts_.resent;
    flow->odd.push_back(key.seq);
    if (key.seq >= flow->base) flow->window[key.seq - flow->base] |= written_again;
    return;
  }
  flow->window[key.seq - flow->base] |= written;
  ++counts_.sent;
  ++flow->open;
}

void Audit::on_acknowledged(MessageKey key) {
  Flow* flow = find(key.flow);
  assert(flow != nullptr);
  ++counts_.acked;
  if (key.seq >= flow->base) flow->window[key.seq - flow->base] |= acknowledged;
}

void Audit::on_in_doubt(MessageKey key) {
  Flow* flow = find(key.flow);
  assert(flow != nullptr);
  flow->odd.push_back(key.seq);
  if (key.seq < flow->base) return;
  std::uint8_t& state = flow->window[key.seq - flow->base];
  if (!settled(state)) state |= in_doubt;
}

void Audit::on_sender_lost(std::uint32_t flow) {
  Flow* state = find(flow);
  assert(state != nullptr);
  const auto from = state->sender_streams.empty() ? 0 : state->sender_streams.back();
  for (auto seq = std::max(from, state->base); seq < state->next; ++seq) {
    if ((state->window[seq - state->base] & written) != 0) on_in_doubt({flow, seq});
  }
}

void Audit::on_sender_stream(std::uint32_t flow) {
  Flow* state = find(flow);
  assert(state != nullptr);
  if (state->next > 0) state->sender_streams.push_back(state->next);
}

void Audit::on_recipient_stream(std::uint32_t flow) {
  Flow* state = find(flow);
  assert(state != nullptr);
  state->recipient_stream = (state->recipient_stream + 1) & stream_mask;
  state->highest = 0;
  state->recipient_from = state->next;
}

void Audit::offend(Fate fate, std::string_view id, std::uint32_t from, std::uint32_t to,
                   Micros now) {
  offend(fate, id, from, to, names_.node(to), now);
}

void Audit::offend(Fate fate, std::string_view id, std::uint32_t from, std::uint32_t to,
                   std::string node, Micros now) {
  ++counts_.of(fate);
  // The wrong ones matter most: they take the places of those that are only told.
  if (offenders_.size() >= offenders_max_) {
    if (!is_wrong(fate)) return;
    const auto milder = std::find_if(offenders_.begin(), offenders_.end(),
                                     [](const Offender& one) { return !is_wrong(one.fate); });
    if (milder == offenders_.end()) return;
    offenders_.erase(milder);
  }
  offenders_.push_back({fate, std::string(id.substr(0, 64)), names_.jid(from), names_.jid(to),
                        std::move(node), now});
}

void Audit::on_archive_fault(Fate fate, MessageKey key, std::uint32_t owner, Micros now) {
  const Flow* flow = find(key.flow);
  const auto from = flow != nullptr ? flow->sender : owner;
  const auto to = flow != nullptr ? flow->recipient : owner;
  offend(fate, message_id(run_, key), from, to, "archive of " + names_.jid(owner), now);
}

void Audit::count_again(Flow& flow, MessageKey key, std::string_view id, Micros now) {
  bool again = false;
  if (key.seq >= flow.base) {
    const auto state = flow.window[key.seq - flow.base];
    again = (state & written_again) != 0 ||
            ((state >> stream_shift) & stream_mask) != flow.recipient_stream;
  } else {
    // Out of the window: it was settled long ago. On this stream, if it was taken after it began.
    again = key.seq < flow.recipient_from;
  }
  offend(again ? Fate::redelivered : Fate::duplicated, id, flow.sender, flow.recipient, now);
}

Audit::Verdict Audit::on_message(std::uint32_t client, std::string_view id, std::string_view from,
                                 std::string_view body, Micros now) {
  Verdict verdict;
  switch (parse_message_id(id, run_, verdict.key)) {
    case IdKind::foreign:
      ++counts_.foreign;
      return verdict;
    case IdKind::malformed:
      offend(Fate::invented, id, client, client, now);
      return verdict;
    case IdKind::ours:
      break;
  }
  Flow* flow = find(verdict.key.flow);
  const auto seq = verdict.key.seq;
  const bool known = flow != nullptr && seq < flow->next &&
                     (seq < flow->base || (flow->window[seq - flow->base] & written) != 0);
  if (!known) {
    offend(Fate::invented, id, client, client, now);
    return verdict;
  }
  if (client != flow->recipient) {
    offend(Fate::misdelivered, id, flow->sender, client, now);
    return verdict;
  }
  if (!is_from_sender(verdict.key.flow, from)) {
    offend(Fate::invented, id, flow->sender, client, now);
    return verdict;
  }
  const auto due = check_message_body(id, body);
  if (!due) {
    // Altered is not delivered: the message itself will be called lost unless it comes intact.
    offend(Fate::altered, id, flow->sender, client, now);
    return verdict;
  }
  verdict.due = *due;
  if (seq < flow->base || (flow->window[seq - flow->base] & seen) != 0) {
    count_again(*flow, verdict.key, id, now);
    return verdict;
  }
  std::uint8_t& state = flow->window[seq - flow->base];
  if (seq < flow->highest && (state & written_again) == 0) {
    const auto begins =
        std::upper_bound(flow->sender_streams.begin(), flow->sender_streams.end(), seq);
    const bool same_stream = begins == flow->sender_streams.end() || *begins >= flow->highest;
    offend(same_stream ? Fate::reordered : Fate::overtaken, id, flow->sender, client, now);
  }
  if ((state & written_again) == 0) flow->highest = std::max(flow->highest, seq + 1);
  verdict.first = true;
  const bool was_settled = settled(state);
  state = static_cast<std::uint8_t>((state & ((1 << stream_shift) - 1)) | seen |
                                    (flow->recipient_stream << stream_shift));
  if (was_settled) {
    --counts_.of(Fate::bounced);  // Both an error and a delivery: the delivery is what counts.
  } else {
    --flow->open;
  }
  ++counts_.of(Fate::delivered);
  settle(*flow);
  return verdict;
}

void Audit::on_bounce(std::uint32_t client, std::string_view id, Micros now) {
  MessageKey key;
  if (parse_message_id(id, run_, key) != IdKind::ours) {
    ++counts_.foreign;
    return;
  }
  Flow* flow = find(key.flow);
  if (flow == nullptr || flow->sender != client || key.seq >= flow->next) {
    offend(Fate::invented, id, client, client, now);
    return;
  }
  flow->odd.push_back(key.seq);
  if (key.seq < flow->base) return;
  std::uint8_t& state = flow->window[key.seq - flow->base];
  if (settled(state)) return;  // Delivered on another way; its error changes nothing.
  state |= bounced;
  --flow->open;
  offend(Fate::bounced, id, flow->sender, flow->recipient, now);
  settle(*flow);
}

void Audit::settle(Flow& flow) {
  // Only now and then: erasing the front moves the rest.
  if (flow.window.size() < std::size_t{2} * window_kept) return;
  std::size_t done = 0;
  while (done + window_kept < flow.window.size() && settled(flow.window[done])) ++done;
  if (done < window_kept) return;
  flow.window.erase(flow.window.begin(), flow.window.begin() + static_cast<std::ptrdiff_t>(done));
  flow.base += static_cast<std::uint32_t>(done);
}

void Audit::conclude(Micros now) {
  for (std::size_t index = 0; index < flows_.size(); ++index) {
    Flow& flow = flows_[index];
    for (std::uint32_t seq = flow.base; seq < flow.next; ++seq) {
      const auto state = flow.window[seq - flow.base];
      if ((state & written) == 0 || settled(state)) continue;
      const MessageKey key{first_ + static_cast<std::uint32_t>(index) * step_, seq};
      const bool doubtful = (state & in_doubt) != 0 && (state & acknowledged) == 0;
      offend(doubtful ? Fate::unknown : Fate::lost, message_id(run_, key), flow.sender,
             flow.recipient, now);
    }
    flow.open = 0;
  }
}

}  // namespace loadgen
