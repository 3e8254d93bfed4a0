#include "loadgen/archive_audit.h"

#include <algorithm>

namespace loadgen {

ArchiveAudit::ArchiveAudit(Audit& audit, std::uint32_t owner, std::array<std::uint32_t, 2> flows)
    : audit_(audit), owner_(owner) {
  for (std::size_t i = 0; i < flows.size(); ++i) {
    flows_[i].number = flows[i];
    flows_[i].met.resize(audit.taken(flows[i]));
  }
}

void ArchiveAudit::offend(Fate fate, MessageKey key, Micros now) {
  audit_.on_archive_fault(fate, key, owner_, now);
}

bool ArchiveAudit::on_entry(std::string_view id, std::string_view from, std::string_view body,
                            Micros now) {
  MessageKey key;
  const IdKind kind = parse_message_id(id, audit_.run(), key);
  if (kind == IdKind::foreign) return false;
  const auto flow =
      std::ranges::find_if(flows_, [&](const Flow& one) { return one.number == key.flow; });
  if (kind == IdKind::malformed || flow == flows_.end() || key.seq >= flow->met.size() ||
      !audit_.is_from_sender(key.flow, from)) {
    offend(Fate::invented, key, now);
    return true;
  }
  if (!check_message_body(id, body)) {
    offend(Fate::altered, key, now);
    return true;
  }
  const bool was_met = flow->met[key.seq];
  flow->met[key.seq] = true;
  if (!audit_.is_certain(key)) return true;
  if (was_met) {
    offend(Fate::archived_twice, key, now);
  } else if (key.seq < flow->highest) {
    offend(Fate::archived_late, key, now);
  }
  flow->highest = std::max(flow->highest, key.seq + 1);
  return true;
}

void ArchiveAudit::on_end(Micros now) {
  for (const Flow& flow : flows_) {
    for (std::uint32_t seq = 0; seq < flow.met.size(); ++seq) {
      const MessageKey key{flow.number, seq};
      if (!flow.met[seq] && audit_.is_certain(key)) offend(Fate::unarchived, key, now);
    }
  }
}

}  // namespace loadgen
