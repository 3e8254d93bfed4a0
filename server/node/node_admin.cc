// What an administrator asks of a ServerNode.

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <exception>
#include <utility>

#include "server/log/log.h"
#include "server/node/server_node.h"
#include "server/storage/credentials.h"

namespace server {
namespace {

ControlError control_error(boost::system::error_code error) {
  if (error == StorageErrc::conflict) return {ControlErrc::conflict, "the account exists already"};
  if (error == StorageErrc::no_such_user) return {ControlErrc::not_found, "no such account"};
  if (error == StorageErrc::bad_password) {
    return {ControlErrc::invalid, "the password is empty, too long or has forbidden characters"};
  }
  if (error == StorageErrc::bad_key || error == StorageErrc::too_long) {
    return {ControlErrc::invalid, "this name cannot be stored"};
  }
  return {ControlErrc::unavailable, "the user store is away: " + error.message()};
}

ControlError malformed(const std::string& text) {
  return {ControlErrc::invalid,
          text + " is no account here: write name@domain with a domain that is served"};
}

asio::awaitable<ControlResult<void>> add(UserStore& users, BlockingPool& hashing, xmpp::Jid jid,
                                         Secret password) {
  auto credentials = co_await make_credentials(hashing, xmpp::Secret(password.reveal()));
  if (!credentials) co_return control_error(credentials.error());
  const auto done = co_await users.create(std::string(jid.local()), std::string(jid.domain()),
                                          *std::move(credentials));
  if (!done) co_return control_error(done.error());
  co_return ControlResult<void>();
}

asio::awaitable<ControlResult<void>> change_password(UserStore& users, BlockingPool& hashing,
                                                     Accounts& accounts, xmpp::Jid jid,
                                                     Secret password, RoutedLoop& here) {
  auto credentials = co_await make_credentials(hashing, xmpp::Secret(password.reveal()));
  if (!credentials) co_return control_error(credentials.error());
  const auto done = co_await users.set_credentials(
      std::string(jid.local()), std::string(jid.domain()), *std::move(credentials));
  if (!done) co_return control_error(done.error());
  accounts.end_sessions(jid, {}, here);  // Hardening P21.
  co_return ControlResult<void>();
}

asio::awaitable<ControlResult<void>> remove(Accounts& accounts, xmpp::Jid jid, RoutedLoop& here) {
  const auto done = co_await accounts.remove(jid, here);
  if (!done) co_return control_error(done.error());
  accounts.end_sessions(jid, {}, here);
  co_return ControlResult<void>();
}

asio::awaitable<ControlResult<UserPage>> list(UserStore& users, std::string domain,
                                              std::string after, std::size_t limit) {
  // One more than asked for tells whether there are more.
  auto locals = co_await users.list(domain, after, limit + 1);
  if (!locals) co_return control_error(locals.error());
  UserPage page;
  page.has_more = locals->size() > limit;
  if (page.has_more) locals->resize(limit);
  for (const std::string& local : *locals) page.users.push_back(local + "@" + domain);
  co_return page;
}

}  // namespace

std::optional<xmpp::Jid> ServerNode::account(const std::string& text) const {
  auto jid = xmpp::Jid::parse(text);
  if (!jid || !jid->has_local() || jid->is_full() || !router_.serves(jid->domain())) {
    return std::nullopt;
  }
  return *std::move(jid);
}

void ServerNode::run(asio::awaitable<ControlResult<void>> work, ControlDone<void> done,
                     asio::any_io_executor where) {
  asio::co_spawn(std::move(where), std::move(work),
                 [done = std::move(done)](std::exception_ptr failed, ControlResult<void> result) {
                   if (failed) {
                     log::failed_unexpectedly("admin", failed);
                     return done(ControlError{ControlErrc::unavailable, "internal error; see log"});
                   }
                   done(std::move(result));
                 });
}

void ServerNode::add_user(std::string jid, Secret password, ControlDone<void> done) {
  auto parsed = account(jid);
  if (!parsed) return done(malformed(jid));
  run(add(users_, hashing_, *std::move(parsed), std::move(password)), std::move(done),
      control_.get_executor());
}

void ServerNode::set_password(std::string jid, Secret password, ControlDone<void> done) {
  auto parsed = account(jid);
  if (!parsed) return done(malformed(jid));
  RoutedLoop& here = *loops_.front();
  run(change_password(users_, hashing_, accounts_, *std::move(parsed), std::move(password), here),
      std::move(done), here.loop.executor());
}

void ServerNode::remove_user(std::string jid, ControlDone<void> done) {
  auto parsed = account(jid);
  if (!parsed) return done(malformed(jid));
  RoutedLoop& here = *loops_.front();
  run(remove(accounts_, *std::move(parsed), here), std::move(done), here.loop.executor());
}

void ServerNode::list_users(std::string domain, std::string after, std::size_t limit,
                            ControlDone<UserPage> done) {
  if (domain.empty()) domain = config_.domains.front();
  if (!router_.serves(domain)) {
    return done(ControlError{ControlErrc::not_found, domain + " is not served here"});
  }
  asio::co_spawn(
      control_, list(users_, std::move(domain), std::move(after), limit),
      [done = std::move(done)](std::exception_ptr failed, ControlResult<UserPage> result) {
        if (failed) {
          log::failed_unexpectedly("admin", failed);
          return done(ControlError{ControlErrc::unavailable, "internal error; see log"});
        }
        done(std::move(result));
      });
}

void ServerNode::drain(std::string node, DrainOptions options, ControlDone<void> done) {
  asio::post(control_, [this, node = std::move(node), options, done = std::move(done)] {
    if (node != "self" && node != config_.node.name) {
      return done(ControlError{ControlErrc::not_supported,
                               "ask " + node + " itself: meerkatctl --admin=… drain self"});
    }
    if (drain_) {
      drain_->change(options);
    } else {
      start_drain(options, config_.drain.notice);
    }
    done({});
  });
}

void ServerNode::cordon(std::string node, bool on, ControlDone<void> done) {
  asio::post(control_, [this, node = std::move(node), on, done = std::move(done)] {
    if (node != "self" && node != config_.node.name) {
      return done(ControlError{ControlErrc::not_supported,
                               "ask " + node + " itself: meerkatctl --admin=… cordon self"});
    }
    const State from = on ? State::ready : State::cordoned;
    if (state_.load() != from) {
      return done(ControlError{ControlErrc::conflict, "this node is " + state_name()});
    }
    set_state(on ? State::cordoned : State::ready);
    streams_.accepts_sessions.store(!on);
    cluster_.publish(report());
    done({});
  });
}

}  // namespace server
