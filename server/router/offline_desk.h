#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/system/error_code.hpp>
#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <string>
#include <vector>

#include "server/loop/loop.h"
#include "server/storage/offline_store.h"
#include "xmpp/jid.h"

namespace server {

/// One loop's way into the offline store and out of it again.
///
/// Changes are made in the order in which they came, one transaction at a time: what gathers
/// meanwhile is the next one, so that its size follows the load. While the database is away, what
/// is to be kept fails at once, and what is to be removed or released waits: a message that was
/// delivered must not come back with the database.
///
/// Threads: lives on its loop.
class OfflineDesk {
 public:
  /// `holder` names this node in the store. `store` outlives the loop.
  OfflineDesk(Loop& loop, OfflineStore& store, std::string holder);

  using Kept = std::function<void(boost::system::error_code, OfflineOutcome)>;

  /// Stores `stanza` of `sender` for `account`; this node holds it if `is_held`. `done` is called
  /// once.
  void keep(const xmpp::Jid& account, const xmpp::Jid& sender, MessageId id,
            xmpp::SharedText stanza, bool is_held, Kept done);

  /// `done` is called when it is released.
  void release(const xmpp::Jid& account, MessageId id, std::function<void()> done);
  void remove(const xmpp::Jid& account, MessageId id);

  using Claimed = std::function<void(Result<std::vector<OfflineMessage>>)>;

  /// Makes this node the holder of all that waits for `account`.
  void claim(const xmpp::Jid& account, Claimed done);

  /// Tries again what waits for the database.
  void on_tick();

  /// Whether all has been done.
  [[nodiscard]] bool is_idle() const { return waiting_.empty() && !is_writing_; }

 private:
  struct Pending {
    OfflineChange change;
    Kept done{};  // Empty for `remove`.
  };

  void add(Pending pending);
  void write_next();
  asio::awaitable<void> write(std::vector<Pending> batch);
  asio::awaitable<void> claim_for(xmpp::Jid account, Claimed done);

  Loop& loop_;
  OfflineStore& store_;
  const std::string holder_;
  std::deque<Pending> waiting_;
  std::size_t waiting_bytes_ = 0;
  bool is_writing_ = false;
};

}  // namespace server
