#pragma once

#include <array>
#include <boost/container/small_vector.hpp>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "replication/table.h"
#include "server/router/session_record.h"
#include "xmpp/jid.h"

namespace server {

/// Who is logged in, on which node, loop and session: the cluster's `sessions` table.
///
/// A full JID belongs to one session in the cluster: the one bound last. A session of this node
/// that another displaces is told through `on_displaced`.
///
/// Threads: [any loop], except on_displaced(), which comes before the node starts.
class SessionDirectory {
 public:
  struct Entry {
    SessionRecord record;
    SessionAddress address;
  };

  struct Resource {
    std::string name;  // As prepared: what a full JID has after its '/'.
    SessionRecord record;
    SessionAddress address;
  };

  /// An account's: more than a few are rare.
  using Entries = boost::container::small_vector<Entry, 4>;

  explicit SessionDirectory(replication::Node& node);

  /// Called for a session of this node that lost its full JID to a later one: on the loop that
  /// bound the later one, or on the link thread.
  void on_displaced(std::function<void(const SessionAddress&)> displaced);

  /// Makes `record` the session of `jid`, a full JID, and displaces the one that held it. Returns
  /// the write's place in this node's log of table().
  replication::Position bind(const xmpp::Jid& jid, const SessionRecord& record);

  /// Changes priority, availability and wishes; nothing happens if the session no longer holds its
  /// JID.
  void update(const xmpp::Jid& jid, const SessionRecord& record);

  /// Takes the session out; nothing happens if it no longer holds its JID.
  void unbind(const xmpp::Jid& jid, const SessionRecord& record);

  /// The session at a full JID, if there is one.
  std::optional<Entry> find(const xmpp::Jid& full) const;

  /// All sessions of an account.
  Entries find_all(std::string_view bare) const;

  /// The same by name. Copies the names, which messages do without.
  std::vector<Resource> resources(std::string_view bare) const;

  /// Sessions in the cluster, and of one node.
  std::size_t size() const { return table_.size(); }
  std::size_t size(replication::NodeRef node) const { return table_.size(node); }

  replication::Table<SessionKey, SessionRecord>& table() { return table_; }

 private:
  std::optional<SessionRecord> own_record(const SessionKey& key) const;
  std::mutex& lock_of(const std::string& bare);

  replication::Table<SessionKey, SessionRecord> table_;
  std::function<void(const SessionAddress&)> displaced_;

  // Two loops of this node may bind one JID at once: looking and writing must be one step.
  std::array<std::mutex, 64> locks_;
};

}  // namespace server
