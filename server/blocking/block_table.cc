#include "server/blocking/block_table.h"

#include <chrono>
#include <utility>

#include "replication/replicated.h"

namespace server {
namespace {

constexpr std::size_t version_bytes = 8;

// A peer that has not heard of it by then is cut off, and hears of it when it is back.
constexpr auto replicated_max = std::chrono::seconds(2);

}  // namespace

BlockTable::BlockTable(replication::Node& node) : node_(node), table_(node, "block_lists") {
  using Change = replication::Table<std::string, BlockRecord>::Change;
  table_.watch([this](const Change& change) {
    if (change.kind != Change::Kind::put) return;
    has_any_.store(true, std::memory_order_relaxed);
    if (changed_) changed_(change.key);
  });
}

Barrier BlockTable::between(const xmpp::Jid& from, const xmpp::Jid& to) const {
  if (blocks(from, to)) return Barrier::sender;
  return blocks(to, from) ? Barrier::recipient : Barrier::none;
}

bool BlockTable::blocks(const xmpp::Jid& owner, const xmpp::Jid& other) const {
  if (!has_any_.load(std::memory_order_relaxed)) return false;
  if (owner.bare_str() == other.bare_str()) return false;
  std::uint64_t newest = 0;
  bool is_blocked = false;
  table_.find(owner.bare_str(), {}, [&](replication::NodeRef, const BlockRecord& record) {
    if (record.version <= newest) return;
    newest = record.version;
    is_blocked = BlockList::blocks(record.lines, other);
  });
  return is_blocked;
}

BlockList BlockTable::newest(std::string_view account) const {
  BlockList list;
  if (!has_any_.load(std::memory_order_relaxed)) return list;
  table_.find(account, {}, [&](replication::NodeRef, const BlockRecord& record) {
    if (record.version > list.version()) list = BlockList(record.version, record.lines);
  });
  return list;
}

bool BlockTable::has_list(std::string_view account) const {
  if (!has_any_.load(std::memory_order_relaxed)) return false;
  bool has = false;
  table_.find(account, {}, [&](replication::NodeRef, const BlockRecord&) { has = true; });
  return has;
}

BlockTable::Hold BlockTable::hold(const std::string& account) {
  BlockList known = newest(account);
  return known.version() == 0 ? nullptr : hold(account, std::move(known));
}

BlockTable::Hold BlockTable::hold(const std::string& account, BlockList list) {
  Hold former;  // Let go of after the lock, which the end of a hold takes.
  const std::lock_guard lock(mutex_);
  auto& held = held_[account];
  former = held.lock();
  if (former && former->version() >= list.version()) return former;
  Hold fresh(new BlockList(std::move(list)), [this, account](const BlockList* ended) {
    delete ended;
    release(account);
  });
  held = fresh;
  has_any_.store(true, std::memory_order_relaxed);
  // Within the table's bounds by BlockLimits.
  (void)table_.put(account, {.version = fresh->version(), .lines = fresh->lines()});
  return fresh;
}

void BlockTable::release(const std::string& account) {
  const std::lock_guard lock(mutex_);
  const auto held = held_.find(account);
  // It may be held anew, or in a newer version.
  if (held == held_.end() || !held->second.expired()) return;
  held_.erase(held);
  table_.erase(account);
}

asio::awaitable<void> BlockTable::replicated() {
  if (!node_.joined()) co_return;  // There is nobody to tell.
  (void)co_await replication::replicated(table_, table_.position(),
                                         replication::in(replicated_max));
}

}  // namespace server

void replication::Codec<server::BlockRecord>::encode(const server::BlockRecord& value,
                                                     std::string& out) {
  for (std::size_t at = 0; at < server::version_bytes; ++at) {
    out += static_cast<char>(value.version >> (8 * at) & 0xff);
  }
  out += value.lines;
}

bool replication::Codec<server::BlockRecord>::decode(std::string_view bytes,
                                                     server::BlockRecord& value) {
  if (bytes.size() < server::version_bytes) return false;
  value.version = 0;
  for (std::size_t at = 0; at < server::version_bytes; ++at) {
    value.version |= std::uint64_t{static_cast<unsigned char>(bytes[at])} << (8 * at);
  }
  value.lines = bytes.substr(server::version_bytes);
  return true;
}
