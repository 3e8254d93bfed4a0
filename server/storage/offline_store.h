#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "server/storage/message_id.h"
#include "server/storage/storage.h"
#include "xmpp/jid.h"
#include "xmpp/shared_text.h"

namespace server {

struct OfflineLimits {
  std::size_t messages_max = 100;       ///< An account.
  std::size_t bytes_max = 1024 * 1024;  ///< An account.
};

/// One thing to do with a message that is kept for an account.
struct OfflineChange {
  enum class What {
    keep,     ///< Stores it; one with this id is replaced.
    release,  ///< `holder` answers for it no more: the next claim finds it.
    remove,   ///< It is delivered.
  };
  What what = What::keep;
  std::string local{}, domain{};  ///< The account.
  MessageId id{};
  std::string
      holder{};        ///< For `keep`: empty for a message that waits for its account's next claim.
  xmpp::Jid sender{};  ///< For `keep`.
  xmpp::SharedText stanza{};  ///< For `keep`.
};

enum class OfflineOutcome {
  done,
  full,
  no_account,
  blocked,  ///< Nobody is there to have it, and the account blocks its sender (XEP-0191).
};

struct OfflineMessage {
  MessageId id;
  std::string stanza;
};

/// Messages that wait for the people they are for (XEP-0160), and those that have not yet been
/// acknowledged by anybody's client.
///
/// A message has a holder while some node is about to deliver it: no other node delivers it for as
/// long as that one lives. Design: docs/design/0011-acknowledged-is-safe.md
///
/// Threads: [any loop]; answers come back on the caller's. Errors: those of Storage.
class OfflineStore {
 public:
  /// `is_alive` tells of a holder whether it still is; called on the storage's threads.
  OfflineStore(Storage& storage, OfflineLimits limits,
               std::function<bool(const std::string& holder)> is_alive);

  /// Makes all `changes` in their order, or none of them. An outcome for each: only `keep` has
  /// another than `done`.
  asio::awaitable<Result<std::vector<OfflineOutcome>>> apply(std::vector<OfflineChange> changes);

  /// The account's messages that nobody alive holds, oldest first; `holder` holds them now. Of two
  /// nodes that claim at once, one gets each message.
  asio::awaitable<Result<std::vector<OfflineMessage>>> claim(std::string local, std::string domain,
                                                             std::string holder);

  /// Accounts some of whose messages `holder` holds: as bare JIDs, at most 10,000.
  asio::awaitable<Result<std::vector<std::string>>> accounts_held_by(std::string holder);

 private:
  Storage& storage_;
  const OfflineLimits limits_;
  const std::function<bool(const std::string&)> is_alive_;
};

}  // namespace server
