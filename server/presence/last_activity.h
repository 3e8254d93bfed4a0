#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <optional>
#include <string>

#include "server/router/router.h"
#include "server/storage/document_store.h"
#include "xmpp/jid.h"
#include "xmpp/shared_text.h"

namespace server {

namespace asio = boost::asio;

/// When an account was last available, and what it said when it went (XEP-0012).
struct LastActivity {
  std::uint64_t at = 0;  ///< Seconds since 1970.
  std::string status;    ///< At most LastActivities::status_bytes_max.
};

/// The last activity of all accounts, one document each. It is noted when the last available
/// session of an account ends; one that dies with its node leaves what was noted before.
///
/// Threads: all members may be called from any loop.
class LastActivities {
 public:
  static constexpr std::size_t status_bytes_max = 1'024;

  explicit LastActivities(DocumentStore& documents) : documents_(documents) {}

  /// The account, a bare JID, has gone with this presence. Stored in the background, and not at all
  /// while the database is away: nothing depends on it.
  void note(xmpp::Jid account, const xmpp::SharedText& presence, RoutedLoop& here);

  /// Absent for an account that never was available, or does not exist. Errors: those of
  /// DocumentStore.
  asio::awaitable<Result<std::optional<LastActivity>>> find(xmpp::Jid account);

 private:
  DocumentStore& documents_;
};

}  // namespace server
