#pragma once

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/storage/error.h"
#include "xmpp/jid.h"

namespace server {

namespace asio = boost::asio;

/// What an account keeps on the server, each thing as a whole under a name of its own: its roster,
/// its vCard, a node of its PEP. A document that is not there and an empty one are the same.
///
/// Names are 1..1,023 bytes of UTF-8 and compared byte by byte; a document is at most 16 MiB.
/// `account` is a bare JID with a localpart. All goes with the account that owns it.
///
/// Threads: all members may be called from any loop; answers come back on the caller's. Errors of
/// every call: unavailable, busy, stopped, bad_key, too_long, access_denied, broken.
class DocumentStore {
 public:
  virtual ~DocumentStore() = default;

  /// Changes a document in place, or refuses with an error, which undoes what it did.
  using Change = std::function<Result<void>(std::string& document)>;

  struct Document {
    std::string name, content;
  };

  virtual asio::awaitable<Result<std::string>> load(xmpp::Jid account, std::string name) = 0;

  /// All whose names begin with `prefix`, by name. The prefix ends in a sign of ASCII, such as `:`.
  virtual asio::awaitable<Result<std::vector<Document>>> load_all(xmpp::Jid account,
                                                                  std::string prefix) = 0;

  /// Reads a document, lets `change` change it, and stores what it then is: one after the other
  /// for an account, whichever nodes ask. `change` is called on a thread of the storage, and again
  /// where two met; it owns all that it uses, and its last call counts. Errors: no_such_user, and
  /// those of `change`. After `unavailable` it may or may not have been done.
  virtual asio::awaitable<Result<void>> edit(xmpp::Jid account, std::string name,
                                             Change change) = 0;

  /// Removes all whose names begin with `prefix`.
  virtual asio::awaitable<Result<void>> remove_all(xmpp::Jid account, std::string prefix) = 0;
};

}  // namespace server
