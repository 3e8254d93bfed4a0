// Roster management (RFC 6121 §2) with versions (XEP-0237). What a change means for others is
// Rosters' to know.

#include <string>
#include <utility>
#include <vector>

#include "server/modules/modules.h"
#include "server/roster/roster_xml.h"
#include "server/roster/rosters.h"
#include "xmpp/namespaces.h"

namespace server {
namespace {

using xmpp::StanzaErrorCondition;

/// The answer to a request for the roster by a client that knows version `known` of it.
std::string roster_result(const xmpp::Stanza& iq, const Roster& roster, const std::string& known) {
  const std::string head = "<iq type='result' id='" + xmpp::escape_attr(iq.id()) + "' to='" +
                           xmpp::escape_attr(iq.from()) + "'";
  // XEP-0237 §2: an empty answer means that nothing has changed.
  if (!known.empty() && known == std::to_string(roster.version())) return head + "/>";
  std::string query =
      "<query xmlns='jabber:iq:roster' ver='" + std::to_string(roster.version()) + "'>";
  for (const RosterItem& item : roster.items()) {
    if (item.is_listed) append_item(query, item);
  }
  return head + ">" + query + "</query></iq>";
}

asio::awaitable<void> get(Rosters& rosters, IqRequest request) {
  const std::string known(request.payload.attr("ver"));
  auto roster = co_await rosters.load(request.from.bare());
  if (roster.has_error()) co_return request.refuse(Rosters::unavailable);
  const auto answer = xmpp::Stanza::parse(roster_result(*request.iq, *roster, known));
  if (answer) co_return request.reply(*answer);
  request.refuse(StanzaErrorCondition::internal_server_error);
}

asio::awaitable<Rosters::Refusal> change(Rosters& rosters, const IqRequest& request) {
  // RFC 6121 §2.1.5: exactly one item.
  const xmpp::Element item = request.payload.first_child();
  if (!item.is("item", xmpp::ns::roster) || item.next())
    co_return StanzaErrorCondition::bad_request;
  const auto contact = xmpp::Jid::parse(item.attr("jid"));
  if (!contact) {
    co_return item.has_attr("jid") ? StanzaErrorCondition::jid_malformed
                                   : StanzaErrorCondition::bad_request;
  }
  const xmpp::Jid account = request.from.bare();
  if (contact->bare() == account) co_return StanzaErrorCondition::not_allowed;
  if (item.attr("subscription") == "remove") {
    co_return co_await rosters.remove(account, contact->bare(), request.home);
  }
  std::vector<std::string> groups;
  for (const xmpp::Element child : xmpp::children(item)) {
    if (child.is("group", xmpp::ns::roster)) groups.push_back(child.text());
  }
  co_return co_await rosters.set(account, contact->bare(), std::string(item.attr("name")),
                                 std::move(groups), request.home);
}

asio::awaitable<void> set(Rosters& rosters, IqRequest request) {
  const Rosters::Refusal refusal = co_await change(rosters, request);
  if (refusal) co_return request.refuse(*refusal);
  request.reply(request.iq->result_reply());
}

}  // namespace

void add_roster(IqHandlers& handlers, Rosters& rosters) {
  handlers.handle(IqTarget::account, "get", std::string(xmpp::ns::roster), "query",
                  [&rosters](const IqRequest& request) {
                    request.interests.roster = true;  // RFC 6121 §2.2
                    answer_later(request, get(rosters, request));
                  });
  handlers.handle(
      IqTarget::account, "set", std::string(xmpp::ns::roster), "query",
      [&rosters](const IqRequest& request) { answer_later(request, set(rosters, request)); });
}

}  // namespace server
