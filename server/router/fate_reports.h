#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/loop/loop.h"
#include "server/router/routed_stanza.h"

namespace server {

class Router;

/// What has become of a message's copy that went to a session.
enum class CopyFate : std::uint8_t {
  acked = 0,     ///< That session's client has it.
  returned = 1,  ///< The session ended first.
  bounced = 2,   ///< The sender was sent an error.
  moved = 3,     ///< It has come here with its session; see FateReport::moved_from.
};

/// What a loop has to say to one other loop, of this or another node, of the copies it got.
struct FateReport {
  std::uint16_t loop = 0;                                 ///< Whom it is for.
  std::vector<std::pair<std::uint64_t, CopyFate>> fates;  ///< By the tickets' numbers.

  /// Where those copies were before, all of fate `moved` then.
  std::optional<replication::NodeRef> moved_from{};
};

/// See docs/protocol.md; for a report without `moved_from`.
std::string encode(const FateReport& report);
std::optional<FateReport> decode_fates(std::string_view payload);

/// What one loop has to report, gathered over a turn: one message for each loop that waits for it.
///
/// Threads: lives on its loop.
class FateReports final : public Loop::Flushable, public std::enable_shared_from_this<FateReports> {
 public:
  FateReports(Loop& home, Router& router) : home_(home), router_(router) {}

  void add(const Ticket& ticket, CopyFate fate) { add(ticket, fate, {}); }

  /// A session brought a copy here from another node. Whoever answers for the message hears it
  /// before the copy's further fate.
  void add_moved(const Ticket& ticket, replication::NodeRef from) {
    add(ticket, CopyFate::moved, from);
  }

  void flush() override;

 private:
  struct Addressed {
    replication::NodeRef node;
    FateReport report;
  };

  void add(const Ticket& ticket, CopyFate fate, std::optional<replication::NodeRef> moved_from);

  Loop& home_;
  Router& router_;
  std::vector<Addressed> waiting_;  // A few: one for each loop that messages came from.
};

}  // namespace server
