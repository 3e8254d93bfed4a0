// What a ServerNode does so that no message goes with a node: this one, or another.

#include <boost/asio/co_spawn.hpp>
#include <charconv>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include "server/log/log.h"
#include "server/node/server_node.h"

namespace server {
namespace {

// A database that is away must not keep a node from ending for longer.
constexpr auto store_wait_max = std::chrono::seconds(5);

// What another node left must be read from the store: a fault of the program ends the loop.
void rethrow(const std::exception_ptr& failure) {
  if (failure) std::rethrow_exception(failure);
}

asio::awaitable<void> offer_what_was_held(OfflineStore& store, Router& router, std::string holder) {
  const auto accounts = co_await store.accounts_held_by(std::move(holder));
  if (accounts.has_error()) {
    log::event(log::Level::warning, "storage", "orphans_not_read",
               {{"reason", accounts.error().message()}});
    co_return;
  }
  for (const std::string& account : *accounts) {
    if (const auto jid = xmpp::Jid::parse(account)) router.offer_mail(*jid, nullptr);
  }
}

}  // namespace

std::string ServerNode::holder_of(const replication::NodeId& node) {
  return node.name + "#" + std::to_string(node.incarnation);
}

bool ServerNode::is_alive(const std::string& holder) {
  const auto at = holder.rfind('#');
  if (at == std::string::npos) return false;
  replication::NodeId id{.name = holder.substr(0, at)};
  std::from_chars(holder.data() + at + 1, holder.data() + holder.size(), id.incarnation);
  replication::Node& links = cluster_.node();
  if (id == links.id()) return true;
  const auto ref = links.ref(id);
  return ref && links.alive(*ref);
}

void ServerNode::take_over_from(const replication::NodeId& peer) {
  if (const auto ref = cluster_.node().ref(peer)) router_.on_node_gone(*ref);
  asio::co_spawn(loops_.front()->loop.executor(),
                 offer_what_was_held(offline_, router_, holder_of(peer)), rethrow);
}

void ServerNode::store_what_is_left() {
  if (state_.load() == State::starting) return;  // The loops do not run.
  const auto until = std::chrono::steady_clock::now() + store_wait_max;
  std::vector<std::future<void>> stored;
  for (auto& loop : loops_) {
    auto done = std::make_shared<std::promise<void>>();
    stored.push_back(done->get_future());
    loop->loop.post(
        [loop = loop.get(), done] { loop->settlement->store_all([done] { done->set_value(); }); });
  }
  for (auto& future : stored) {
    if (future.wait_until(until) == std::future_status::timeout) {
      log::event(log::Level::error, "storage", "messages_not_stored",
                 {{"reason", "the database took too long"}});
    }
  }
}

}  // namespace server
