#include "server/router/session_directory.h"

#include <string_view>
#include <utility>

namespace server {
namespace {

SessionKey key_of(const xmpp::Jid& jid) {
  return {std::string(jid.bare_str()), std::string(jid.resource())};
}

SessionAddress address_of(replication::NodeRef node, const SessionRecord& record) {
  return {node, record.loop, record.session};
}

}  // namespace

SessionDirectory::SessionDirectory(replication::Node& node)
    : table_(node, "sessions", {.unique = true}) {
  table_.on_conflict_lost(
      [this](const SessionKey&, const SessionRecord& ours, replication::NodeRef) {
        if (displaced_) displaced_(address_of(replication::self_ref, ours));
      });
}

void SessionDirectory::on_displaced(std::function<void(const SessionAddress&)> displaced) {
  displaced_ = std::move(displaced);
}

std::mutex& SessionDirectory::lock_of(const std::string& bare) {
  return locks_[std::hash<std::string>{}(bare) % locks_.size()];
}

std::optional<SessionRecord> SessionDirectory::own_record(const SessionKey& key) const {
  std::optional<SessionRecord> own;
  table_.find(key, [&](replication::NodeRef owner, const SessionRecord& record) {
    if (owner == replication::self_ref) own = record;
  });
  return own;
}

replication::Position SessionDirectory::bind(const xmpp::Jid& jid, const SessionRecord& record) {
  const SessionKey key = key_of(jid);
  std::optional<SessionRecord> former;
  replication::Position position = 0;
  {
    std::lock_guard lock(lock_of(key.first));
    former = own_record(key);
    // The key parts and the record are within the table's bounds by their types.
    position = table_.put(key, record).value();
  }
  if (former && displaced_) displaced_(address_of(replication::self_ref, *former));
  return position;
}

void SessionDirectory::update(const xmpp::Jid& jid, const SessionRecord& record) {
  const SessionKey key = key_of(jid);
  std::lock_guard lock(lock_of(key.first));
  const auto own = own_record(key);
  if (own && own->session == record.session && own->loop == record.loop) {
    (void)table_.put(key, record);
  }
}

void SessionDirectory::unbind(const xmpp::Jid& jid, const SessionRecord& record) {
  const SessionKey key = key_of(jid);
  std::lock_guard lock(lock_of(key.first));
  const auto own = own_record(key);
  // Another loop's session may have the same id.
  if (own && own->session == record.session && own->loop == record.loop) table_.erase(key);
}

std::optional<SessionDirectory::Entry> SessionDirectory::find(const xmpp::Jid& full) const {
  std::optional<Entry> found;
  table_.find(full.bare_str(), full.resource(),
              [&](replication::NodeRef owner, const SessionRecord& record) {
                found = Entry{record, address_of(owner, record)};
              });
  return found;
}

SessionDirectory::Entries SessionDirectory::find_all(std::string_view bare) const {
  Entries found;
  table_.find_group(bare, [&](replication::NodeRef owner, const SessionRecord& record) {
    found.push_back({record, address_of(owner, record)});
  });
  return found;
}

std::vector<SessionDirectory::Resource> SessionDirectory::resources(std::string_view bare) const {
  std::vector<Resource> found;
  table_.find_group(
      bare, [&](replication::NodeRef owner, const SessionKey& key, const SessionRecord& record) {
        found.push_back({key.second, record, address_of(owner, record)});
      });
  return found;
}

}  // namespace server
