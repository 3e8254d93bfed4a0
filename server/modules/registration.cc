// In-band registration (XEP-0077): creating an account before login, which is off unless
// configured, and changing its password or removing it after. The store decides races (hardening
// Q7, P21).

#include <boost/asio/co_spawn.hpp>
#include <exception>
#include <memory>
#include <utility>

#include "server/log/log.h"
#include "server/modules/modules.h"
#include "server/roster/accounts.h"
#include "server/router/router.h"
#include "server/storage/blocking_pool.h"
#include "server/storage/credentials.h"
#include "server/storage/user_store.h"
#include "xmpp/namespaces.h"

namespace server {
namespace {

using Reply = std::function<void(const xmpp::Stanza&)>;

/// What a client asks for, taken out of its IQ before the first wait.
struct Wish {
  std::string username;  // Prepared; empty where none was given.
  std::string domain;
  std::string password;
};

xmpp::StanzaErrorCondition condition_of(boost::system::error_code error) {
  if (error == StorageErrc::conflict) return xmpp::StanzaErrorCondition::conflict;
  if (error == StorageErrc::no_such_user) return xmpp::StanzaErrorCondition::item_not_found;
  if (error == StorageErrc::bad_password || error == StorageErrc::too_long ||
      error == StorageErrc::bad_key) {
    return xmpp::StanzaErrorCondition::not_acceptable;
  }
  return xmpp::StanzaErrorCondition::internal_server_error;
}

asio::awaitable<Result<void>> create(const ModuleContext& context, Wish wish) {
  auto credentials =
      co_await make_credentials(context.hashing, xmpp::Secret(std::move(wish.password)));
  if (!credentials) co_return credentials.error();
  co_return co_await context.users.create(wish.username, wish.domain, *std::move(credentials));
}

asio::awaitable<void> change(const ModuleContext& context, IqRequest request,
                             std::string password) {
  const xmpp::Jid account = request.from.bare();
  auto credentials = co_await make_credentials(context.hashing, xmpp::Secret(std::move(password)));
  if (!credentials) co_return request.refuse(condition_of(credentials.error()));
  const auto done = co_await context.users.set_credentials(
      std::string(account.local()), std::string(account.domain()), *std::move(credentials));
  if (!done) co_return request.refuse(condition_of(done.error()));
  request.reply(request.iq->result_reply());
  context.accounts.end_sessions(account, request.from.resource(), request.home);
}

asio::awaitable<void> remove(const ModuleContext& context, IqRequest request) {
  const xmpp::Jid account = request.from.bare();
  const auto done = co_await context.accounts.remove(account, request.home);
  if (!done) co_return request.refuse(condition_of(done.error()));
  request.reply(request.iq->result_reply());
  context.accounts.end_sessions(account, {}, request.home);
}

void spawn(asio::any_io_executor home, asio::awaitable<Result<void>> work, xmpp::Stanza iq,
           Reply reply) {
  asio::co_spawn(
      home, std::move(work),
      [iq = std::make_shared<xmpp::Stanza>(std::move(iq)), reply = std::move(reply)](
          std::exception_ptr failed, Result<void> done) {
        if (failed) {
          log::failed_unexpectedly("registration", failed);
          return reply(iq->error_reply(xmpp::StanzaErrorCondition::internal_server_error));
        }
        if (!done) return reply(iq->error_reply(condition_of(done.error())));
        reply(iq->result_reply());
      });
}

xmpp::Stanza form(const xmpp::Stanza& iq) {
  xmpp::Stanza reply = iq.result_reply();
  xmpp::Element query = reply.root().add_child("query", xmpp::ns::registration);
  query.add_child("instructions", xmpp::ns::registration)
      .set_text("Choose a username and a password.");
  query.add_child("username", xmpp::ns::registration);
  query.add_child("password", xmpp::ns::registration);
  return reply;
}

}  // namespace

void register_before_login(const ModuleContext& context, const xmpp::Stanza& iq, std::string domain,
                           Reply reply, asio::any_io_executor home) {
  const xmpp::Element query = iq.root().child("query", xmpp::ns::registration);
  if (!query || iq.id().empty()) {
    return reply(iq.error_reply(xmpp::StanzaErrorCondition::not_authorized));
  }
  if (iq.type() == "get") return reply(form(iq));
  const std::string username = query.child("username", xmpp::ns::registration).text();
  Wish wish{{}, std::move(domain), query.child("password", xmpp::ns::registration).text()};
  const auto jid = xmpp::Jid::make(username, wish.domain);
  if (iq.type() != "set" || !jid || !jid->has_local() || wish.password.empty()) {
    return reply(iq.error_reply(xmpp::StanzaErrorCondition::not_acceptable));
  }
  wish.username = std::string(jid->local());
  spawn(home, create(context, std::move(wish)), iq.copy(), std::move(reply));
}

void add_registration(IqHandlers& handlers, const ModuleContext& context) {
  const std::string ns(xmpp::ns::registration);
  for (const IqTarget target : {IqTarget::server, IqTarget::account}) {
    handlers.add_feature(target, ns);
    handlers.handle(target, "get", ns, "query", [](const IqRequest& request) {
      xmpp::Stanza reply = form(*request.iq);
      xmpp::Element query = reply.root().child("query", xmpp::ns::registration);
      query.add_child("registered", xmpp::ns::registration);
      query.child("username", xmpp::ns::registration).set_text(request.from.local());
      request.reply(reply);
    });
    handlers.handle(target, "set", ns, "query", [&context](const IqRequest& request) {
      if (request.payload.child("remove", xmpp::ns::registration)) {
        return answer_later(request, remove(context, request));
      }
      // Hardening P21: only ever the account that asks, whatever name is written in it.
      const std::string named = request.payload.child("username", xmpp::ns::registration).text();
      std::string password = request.payload.child("password", xmpp::ns::registration).text();
      const auto jid = xmpp::Jid::make(named, request.from.domain());
      if (password.empty() || !jid || *jid != request.from.bare()) {
        return request.refuse(xmpp::StanzaErrorCondition::not_acceptable);
      }
      answer_later(request, change(context, request, std::move(password)));
    });
  }
}

}  // namespace server
