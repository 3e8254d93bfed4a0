#pragma once

#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "server/config/config.h"
#include "server/session/session.h"
#include "server/session/session_moves.h"
#include "server/storage/blocking_pool.h"
#include "server/storage/token_store.h"
#include "server/storage/user_store.h"
#include "server/stream/login_pacer.h"
#include "server/stream/tls_context.h"

namespace server {

/// What the client streams of a node have in common. Outlives every stream; [any loop].
struct StreamServices {
  const Config& config;
  UserStore& users;
  BlockingPool& hashing;
  SessionServices session;

  /// Null: nobody logs in by token (XEP-0484).
  TokenStore* tokens = nullptr;

  /// The certificate in use: replaced as a whole on reload.
  std::atomic<std::shared_ptr<const TlsContext>> tls = nullptr;

  /// For salts of accounts that do not exist; the same on all nodes (hardening P14).
  std::string fake_salt_secret = {};

  /// Above `[limits] login_rate` logins wait.
  LoginPacer login_pacer{config.limits.login_rate.per_second};

  /// Whether new sessions are taken: false while cordoned, draining, or before the node has joined.
  std::atomic<bool> accepts_sessions = true;

  /// By loop: what lets its sessions outlive their streams. Empty: they do not.
  std::vector<SessionMoves*> moves = {};

  /// Null: none.
  SessionMoves* moves_of(const Loop& loop) const {
    return loop.index() < moves.size() ? moves[loop.index()] : nullptr;
  }

  /// Bound sessions of this node with a stream.
  std::atomic<std::uint64_t> sessions = 0;

  /// Registration before login (XEP-0077), if it is on: answers an IQ from outside any account.
  std::function<void(const xmpp::Stanza& iq, std::string domain,
                     std::function<void(const xmpp::Stanza&)> reply, asio::any_io_executor home)>
      register_account = nullptr;
};

}  // namespace server
