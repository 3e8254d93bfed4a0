#pragma once

#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "replication/node.h"
#include "replication/table.h"
#include "server/blocking/block_list.h"
#include "xmpp/jid.h"

namespace server {

namespace asio = boost::asio;

/// A block list as the nodes share it; `lines` are a view of where it was read from.
struct BlockRecord {
  std::uint64_t version = 0;
  std::string_view lines;
};

/// Who keeps a stanza from its way.
enum class Barrier { none, sender, recipient };

/// The block lists of the accounts that are logged in, which every node has in its memory: the
/// cluster's `block_lists` table. An account that never blocked anybody has none in it.
///
/// A node shares the list of an account for as long as one of the account's sessions holds it here.
/// Of several nodes' lists the newest counts, and the others take it over (hardening K8). Design:
/// docs/design/0017-blocking.md
///
/// Threads: [any thread], except on_change(). Outlives all holds.
class BlockTable {
 public:
  using Hold = std::shared_ptr<const BlockList>;

  explicit BlockTable(replication::Node& node);

  /// Before the node starts: calls `changed` on the link thread when another node shares a newer
  /// list of an account, of which this node may have sessions.
  void on_change(std::function<void(const std::string& account)> changed) {
    changed_ = std::move(changed);
  }

  /// Whether the account of `owner` blocks `other`; itself it never does (XEP-0191 §4).
  bool blocks(const xmpp::Jid& owner, const xmpp::Jid& other) const;

  /// Which of the two blocks the other; the sender if both do.
  Barrier between(const xmpp::Jid& from, const xmpp::Jid& to) const;

  /// Whether a list of the account, a bare JID, is known.
  bool has_list(std::string_view account) const;

  /// The newest list of the account, which this node now shares, too; null when none is known.
  Hold hold(const std::string& account);

  /// The same; `list` is one that is known.
  Hold hold(const std::string& account, BlockList list);

  /// Waits until all live peers know what was shared so far; not longer than a moment.
  asio::awaitable<void> replicated();

 private:
  BlockList newest(std::string_view account) const;
  void release(const std::string& account);

  const replication::Node& node_;
  replication::Table<std::string, BlockRecord> table_;
  std::function<void(const std::string&)> changed_;
  std::atomic<bool> has_any_ = false;  // Ever: until then messages cost nothing.
  std::mutex mutex_;
  std::unordered_map<std::string, std::weak_ptr<const BlockList>> held_;  // Under mutex_.
};

}  // namespace server

/// Little-endian: version u64, then the lines.
template <>
struct replication::Codec<server::BlockRecord> {
  static void encode(const server::BlockRecord& value, std::string& out);
  static bool decode(std::string_view bytes, server::BlockRecord& value);
};
