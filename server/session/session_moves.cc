#include "server/session/session_moves.h"

#include <utility>

namespace server {
namespace {

// A client that was told to go comes back to another node in this time, which then asks for its
// session; one that does not has it handed over.
constexpr auto hand_over_after = std::chrono::seconds(1);

// A tick's, so that a drain goes on evenly.
constexpr std::size_t hand_overs_per_tick = 250;

}  // namespace

SessionMoves::SessionMoves(RoutedLoop& home, SessionServices services,
                           std::function<bool()> accepts)
    : home_(home),
      router_(services.router),
      detached_(home, services.directory, services.router, services.resume_time),
      giver_(home, services, detached_),
      taker_(home, services, detached_, std::move(accepts)) {
  home_.moves = this;
  home_.loop.on_tick([this] { on_tick(); });
}

SessionMoves::~SessionMoves() { home_.moves = nullptr; }

void SessionMoves::hand_over_all(std::function<std::optional<replication::NodeRef>()> successor) {
  successor_ = std::move(successor);
}

void SessionMoves::on_tick() {
  if (!successor_) return;
  for (const SessionId session : detached_.waiting(hand_over_after, hand_overs_per_tick)) {
    const auto node = successor_();
    if (!node) return;
    giver_.hand_over(session, *node);
  }
}

void SessionMoves::stop() {
  successor_ = nullptr;
  taker_.stop();
  giver_.stop();
  detached_.end_all();
}

void SessionMoves::on_node_gone(replication::NodeRef node) {
  giver_.on_node_gone(node);
  taker_.on_node_gone(node);
}

void SessionMoves::on_message(replication::NodeRef from, std::string_view message) {
  if (message.empty()) return;
  const auto step = static_cast<MoveStep>(message.front());
  message.remove_prefix(1);
  const auto session = decode_move_session(message);  // For the steps that say no more.
  switch (step) {
    case MoveStep::request:
      if (const auto request = decode_move_request(message)) giver_.on_request(from, *request);
      return;
    case MoveStep::refused:
      if (const auto refused = decode_move_refused(message)) taker_.on_refused(*refused);
      return;
    case MoveStep::state:
      if (auto state = decode_move_state(message)) taker_.on_state(from, *std::move(state));
      return;
    case MoveStep::copy:
      if (const auto copy = decode_move_copy(message, router_)) return taker_.on_copy(from, *copy);
      home_.counters.stanzas_dropped.add("invalid-from-peer");
      return;
    case MoveStep::end:
      if (const auto end = decode_move_end(message)) taker_.on_end(from, *end);
      return;
    case MoveStep::bound:
      if (session) giver_.on_bound(from, *session);
      return;
    case MoveStep::done:
      if (session) giver_.on_done(from, *session);
      return;
    case MoveStep::declined:
      if (session) giver_.on_declined(from, *session);
      return;
  }
}

}  // namespace server
