#pragma once

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <exception>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "replication/node.h"
#include "server/modules/modules.h"
#include "server/pep/notify_filter.h"
#include "server/pep/pep.h"
#include "server/presence/last_activity.h"
#include "server/roster/block_lists.h"
#include "server/roster/rosters.h"
#include "server/session/session.h"
#include "tests/server/roster/documents_in_memory.h"
#include "xmpp/shared_text.h"

namespace server {

inline xmpp::Jid jid(const std::string& text) { return *xmpp::Jid::parse(text); }

/// One stanza in short: "presence subscribe romeo@localhost", "push romeo@localhost to ask",
/// "result", "error item-not-found".
inline std::string in_short(const std::string& xml) {
  const auto stanza = xmpp::Stanza::parse(xml);
  if (!stanza) return "no stanza: " + xml;
  std::string text;
  const auto add = [&](std::string_view word) {
    if (!word.empty()) text += (text.empty() ? "" : " ") + std::string(word);
  };
  if (stanza->type() == "error") {
    add("error");
    const auto error = stanza->root().child("error", xmpp::ns::client);
    add(error.first_child().name());
    return text;
  }
  if (stanza->kind() == xmpp::Stanza::Kind::presence) {
    add("presence");
    add(stanza->type());
    add(stanza->from());
    const auto status = stanza->root().child("status", xmpp::ns::client);
    if (status) add("'" + status.text() + "'");
    return text;
  }
  const auto query = stanza->root().child("query", xmpp::ns::roster);
  add(stanza->type() == "set" ? "push" : stanza->type());
  for (const xmpp::Element item : xmpp::children(query)) {
    add(item.attr("jid"));
    add(item.attr("subscription"));
    if (item.has_attr("ask")) add("ask");
    if (item.has_attr("approved")) add("approved");
    if (item.has_attr("name")) add("'" + std::string(item.attr("name")) + "'");
    for (const xmpp::Element group : xmpp::children(item)) add("in " + group.text());
  }
  return text;
}

using Stanzas = std::vector<std::string>;

/// A session with a client that notes what it gets.
class Client final : public StreamOutput {
 public:
  bool write(xmpp::SharedText bytes) override {
    got_.emplace_back(bytes.view());
    return true;
  }
  void pause() override {}
  void resume() override {}
  void close(xmpp::StreamErrorCondition, std::string_view, std::string_view) override {}

  /// What came since the last look, in short; and as it came.
  Stanzas take() {
    Stanzas all;
    for (const std::string& xml : take_whole()) all.push_back(in_short(xml));
    return all;
  }
  Stanzas take_whole() { return std::exchange(got_, {}); }

  std::unique_ptr<Session> session;

 private:
  Stanzas got_;
};

/// One node with one loop, turned by the test, accounts in memory, and sessions with clients that
/// note what they get.
class OneNode : public testing::Test {
 protected:
  OneNode() {
    loops_.push_back(std::make_unique<RoutedLoop>(0));
    router_.set_loops(loops_);
    add_roster(handlers_, rosters_);
    add_blocking(handlers_, blocks_);
    add_carbons(handlers_);
    add_last_activity(handlers_, last_activities_, rosters_, blocks_, directory_, router_);
    add_pep(handlers_, pep_, blocks_);
    add_vcard(handlers_, documents_, pep_, blocks_);
    add_private_xml(handlers_, documents_, pep_);
  }

  void turn() { loops_.front()->loop.poll(); }

  std::unique_ptr<Client> bind(const std::string& full) {
    auto client = std::make_unique<Client>();
    // As a stream does when its client has proven who it is.
    BlockTable::Hold blocked;
    asio::co_spawn(loops_.front()->loop.executor(), blocks_.hold(jid(full).bare()),
                   [&](std::exception_ptr, Result<BlockTable::Hold> held) {
                     if (held) blocked = *std::move(held);
                   });
    turn();
    client->session =
        std::make_unique<Session>(*loops_.front(),
                                  SessionServices{directory_, router_, rosters_, blocks_,
                                                  last_activities_, pep_, caps_, handlers_},
                                  *client, jid(full));
    return client;
  }

  /// With the roster asked for, and available.
  std::unique_ptr<Client> log_in(const std::string& full) {
    auto client = bind(full);
    send(*client, "<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>");
    send(*client, "<presence/>");
    client->take();
    return client;
  }

  void send(Client& client, const std::string& xml) {
    client.session->on_stanza(*xmpp::Stanza::parse(xml));
    turn();
  }

  void request(Client& client, const std::string& type, const std::string& to) {
    send(client, "<presence type='" + type + "' to='" + to + "'/>");
  }

  Stanzas roster_set(Client& client, const std::string& items) {
    send(client,
         "<iq type='set' id='s'><query xmlns='jabber:iq:roster'>" + items + "</query></iq>");
    return client.take();
  }

  Stanzas roster_get(Client& client, const std::string& version = "") {
    const std::string ver = version.empty() ? "" : " ver='" + version + "'";
    send(client, "<iq type='get' id='g'><query xmlns='jabber:iq:roster'" + ver + "/></iq>");
    return client.take();
  }

  /// Both see each other.
  void befriend(Client& one, Client& other) {
    const std::string first(one.session->jid().bare_str());
    const std::string second(other.session->jid().bare_str());
    request(one, "subscribe", second);
    request(other, "subscribed", first);
    request(other, "subscribe", first);
    request(one, "subscribed", second);
    one.take(), other.take();
  }

  replication::Events events_;
  replication::Node node_{{.cluster = "c", .name = "n1", .secret = "of the test"}, events_};
  SessionDirectory directory_{node_};
  Router router_{{"localhost"}, directory_, node_};
  DocumentsInMemory documents_;
  BlockLists blocks_{documents_, directory_, router_, {}};
  Rosters rosters_{documents_, router_, blocks_, {}};
  LastActivities last_activities_{documents_};
  Pep pep_{documents_, rosters_, blocks_, router_};
  CapsCache caps_;
  IqHandlers handlers_;
  std::vector<std::unique_ptr<RoutedLoop>> loops_;
};

}  // namespace server
