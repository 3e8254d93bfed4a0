#include "server/router/fate_reports.h"

#include <algorithm>

#include "server/router/payload.h"
#include "server/router/router.h"

namespace server {
namespace {

// A frame's share; one turn does not produce as much.
constexpr std::size_t fates_max = 10'000;

}  // namespace

std::string encode(const FateReport& report) {
  PayloadWriter out(PayloadKind::fates);
  out.number(report.loop, 2);
  for (const auto& [number, fate] : report.fates) {
    out.number(number, 8);
    out.number(static_cast<std::uint64_t>(fate), 1);
  }
  return std::move(out).bytes();
}

std::optional<FateReport> decode_fates(std::string_view payload) {
  PayloadReader in(payload);
  if (in.number(1) != static_cast<std::uint64_t>(PayloadKind::fates)) return std::nullopt;
  FateReport report;
  report.loop = static_cast<std::uint16_t>(in.number(2));
  while (!in.failed() && !in.rest().empty()) {
    const std::uint64_t number = in.number(8);
    const std::uint64_t fate = in.number(1);
    if (fate > static_cast<std::uint64_t>(CopyFate::bounced)) return std::nullopt;
    report.fates.emplace_back(number, static_cast<CopyFate>(fate));
  }
  if (in.failed()) return std::nullopt;
  return report;
}

void FateReports::add(const Ticket& ticket, CopyFate fate,
                      std::optional<replication::NodeRef> moved_from) {
  if (waiting_.empty()) home_.flush_later(shared_from_this());
  // Only to the last one for that loop: a copy's fates stay in their order.
  const auto last = std::find_if(waiting_.rbegin(), waiting_.rend(), [&](const Addressed& other) {
    return other.node == ticket.node && other.report.loop == ticket.loop;
  });
  if (last != waiting_.rend() && last->report.moved_from == moved_from &&
      last->report.fates.size() < fates_max) {
    last->report.fates.emplace_back(ticket.number, fate);
    return;
  }
  waiting_.push_back(
      {ticket.node,
       {.loop = ticket.loop, .fates = {{ticket.number, fate}}, .moved_from = moved_from}});
}

void FateReports::flush() {
  std::vector<Addressed> sending = std::exchange(waiting_, {});
  for (Addressed& addressed : sending) {
    if (router_.report(addressed.node, addressed.report)) continue;
    // The link's queue is full. What is not reported would be waited for in vain: each tick tries.
    waiting_.push_back(std::move(addressed));
  }
}

}  // namespace server
