#include "server/router/route_flush.h"

#include <utility>

#include "server/router/router.h"

namespace server {

RouteFlush::RouteFlush(Loop& home, Router& router) : home_(home), router_(router) {
  home_.on_tick([this] { on_tick(); });
}

void RouteFlush::after(std::function<void()> done) {
  if (!current_.empty()) {
    next_.push_back(std::move(done));
    return;
  }
  current_.push_back(std::move(done));
  begin();
}

void RouteFlush::begin() {
  deadline_ = std::chrono::steady_clock::now() + patience;
  awaited_ = router_.send_echo(static_cast<std::uint16_t>(home_.index()), ++round_);
}

void RouteFlush::on_answer(replication::NodeRef node, std::uint64_t round) {
  if (round == round_) on_node_gone(node);
}

void RouteFlush::on_node_gone(replication::NodeRef node) {
  if (current_.empty() || std::erase(awaited_, node) == 0) return;
  if (awaited_.empty()) end();
}

void RouteFlush::end() {
  const auto done = std::exchange(current_, std::exchange(next_, {}));
  if (!current_.empty()) begin();
  for (const auto& call : done) call();
}

void RouteFlush::on_tick() {
  if (!current_.empty() && std::chrono::steady_clock::now() > deadline_) end();
}

}  // namespace server
