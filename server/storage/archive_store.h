#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "server/blocking/block_list.h"
#include "server/storage/archive_prefs.h"
#include "server/storage/message_id.h"
#include "server/storage/storage.h"
#include "xmpp/jid.h"
#include "xmpp/shared_text.h"

namespace server {

/// A message between two people, for the archives of both.
struct ArchivedMessage {
  MessageId id;
  xmpp::Jid from, to;
  xmpp::SharedText stanza;
};

/// Which archives have a message: those of accounts that exist and want it.
struct ArchivedFor {
  bool sender = false;
  bool recipient = false;
  bool is_retraction = false;  ///< It takes back another: retract() follows.
};

/// What a query asks of an account's archive.
struct ArchiveRange {
  std::optional<xmpp::Jid> contact{};  ///< A bare JID stands for all its resources.

  /// Microseconds since 1970, both included.
  std::uint64_t first = 0, last = INT64_MAX;

  MessageId after{}, before{};            ///< Not included. Empty: no such bound.
  MessageId page_after{}, page_before{};  ///< The same: where a page begins (XEP-0059).

  /// Exactly these, instead of a range.
  std::vector<MessageId> ids{};
};

struct ArchivePageOptions {
  bool from_end = false;            ///< The last ones of the range rather than the first.
  std::size_t messages_max = 50;    ///< 0: only how many there are.
  std::size_t bytes_max = 262'144;  ///< Of stanzas; one is given whatever its size.
};

struct ArchivePage {
  struct Message {
    MessageId id;
    std::string stanza;
  };
  std::vector<Message> messages{};  ///< In their order.
  bool is_complete = false;         ///< The range holds no more in the direction of paging.
  std::uint64_t count = 0;          ///< Of the range; only where no messages were asked for.
};

/// The first and the last message of an archive.
struct ArchiveEnds {
  MessageId first, last;
};

/// What a call of ArchiveStore::expire() has done.
struct ArchiveExpiryStep {
  std::optional<xmpp::Jid> place{};  ///< Where the next one goes on.
  std::uint64_t messages = 0;        ///< Deleted.
  std::uint64_t accounts = 0;        ///< That have nothing left to delete.
  bool is_done = false;              ///< There are no more accounts.
};

/// The messages of each account, as its clients come to look for them (XEP-0313).
///
/// What an account wants kept, and whom it blocks, is looked up while its messages are written, and
/// remembered for `prefs_age_max`: for so long another node may go by what an account wanted
/// before. Design: docs/design/0015-archive.md
///
/// Threads: [any loop]; answers come back on the caller's. Errors: those of Storage, and where said
/// not_found.
class ArchiveStore {
 public:
  /// `contacts_of` reads bare JIDs out of a roster's document; called on the storage's threads.
  using ContactsOf = std::function<std::vector<std::string>(const std::string& roster)>;

  /// Messages that are older than `kept_for` are not found, and expire() deletes them; 0 keeps all.
  ArchiveStore(Storage& storage, ContactsOf contacts_of, std::chrono::microseconds kept_for = {});

  static constexpr auto prefs_age_max = std::chrono::seconds(60);

  /// Writes all or none, each message into both its archives. Those that are there already stay as
  /// they are, so that it may be said again.
  asio::awaitable<Result<std::vector<ArchivedFor>>> append(std::vector<ArchivedMessage> messages);

  /// Puts a tombstone in the place of what `message` takes back (XEP-0424), in the archives that
  /// have it; says in how many. The newest message of its sender's to the same account that has the
  /// id is meant, among the newest 10,000 of the two. Said again, it changes nothing more.
  asio::awaitable<Result<std::size_t>> retract(ArchivedMessage message);

  /// Errors: not_found, when an id of the range is not in the archive.
  asio::awaitable<Result<ArchivePage>> page(xmpp::Jid account, ArchiveRange range,
                                            ArchivePageOptions options);

  /// Empty for an empty archive.
  asio::awaitable<Result<std::optional<ArchiveEnds>>> ends(xmpp::Jid account);

  /// Deletes some of what is too old, of the accounts behind `place`, an account, in their order;
  /// of all where it is empty. Short statements, each for itself.
  asio::awaitable<Result<ArchiveExpiryStep>> expire(std::optional<xmpp::Jid> place);

  /// What the account wants has changed: the next message asks for it.
  void forget_prefs(const xmpp::Jid& account);

 private:
  using Clock = std::chrono::steady_clock;

  struct Owner {
    ArchivePrefs prefs;
    std::vector<std::string> contacts;  // Sorted; where the prefs ask for them.
    BlockList blocked;                  // While it is away nobody else asks for it.
    Clock::time_point known_since;
  };

  /// In microseconds since 1970.
  [[nodiscard]] std::uint64_t oldest_kept() const;

  bool wants(SqlConnection& db, const xmpp::Jid& account, const xmpp::Jid& contact);
  std::shared_ptr<const Owner> owner(SqlConnection& db, const xmpp::Jid& account);

  Storage& storage_;
  const ContactsOf contacts_of_;
  const std::chrono::microseconds kept_for_;
  std::mutex mutex_;
  std::unordered_map<std::string, std::shared_ptr<const Owner>> owners_;  // Under mutex_.
};

}  // namespace server
