// Personal eventing as clients see it: accounts with sessions on one node.

#include "server/pep/pep.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/server/presence/one_node.h"

namespace server {
namespace {

constexpr const char* nick = "urn:test:nick";
constexpr const char* options_head =
    "<publish-options><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE' "
    "type='hidden'><value>http://jabber.org/protocol/pubsub#publish-options</value></field>";

std::string field(const std::string& name, const std::string& value) {
  return "<field var='pubsub#" + name + "'><value>" + value + "</value></field>";
}

std::string options(const std::string& fields) {
  return options_head + fields + "</x></publish-options>";
}

/// An answer in short: its items' ids with their text, or the error with XEP-0060's own condition.
std::string told(const std::string& xml) {
  const auto stanza = xmpp::Stanza::parse(xml);
  if (!stanza) return "no stanza: " + xml;
  if (stanza->type() == "error") {
    std::string text = "error";
    const auto error = stanza->root().child("error", xmpp::ns::client);
    for (const xmpp::Element child : xmpp::children(error)) text += " " + std::string(child.name());
    return text;
  }
  std::string text(stanza->kind() == xmpp::Stanza::Kind::message ? "event" : stanza->type());
  xmpp::Element list = stanza->root().first_child().first_child();
  if (list && list.name() != "items" && list.name() != "publish") {
    text += " " + std::string(list.name());
  }
  for (const xmpp::Element item : xmpp::children(list)) {
    text += std::string(" ") + (item.name() == "retract" ? "-" : "") + std::string(item.attr("id"));
    if (item.first_child()) text += "=" + item.first_child().text();
  }
  return text;
}

class PepTest : public OneNode {
 protected:
  /// A client that wants to hear of `nick`, and has said so when it was asked.
  std::unique_ptr<Client> listener(const std::string& full) {
    auto client = bind(full);
    send(*client, "<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>");
    client->take();
    send(*client,
         "<presence><c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='urn:client' "
         "ver='" +
             full + "'/></presence>");
    for (const std::string& xml : client->take_whole()) {
      const auto stanza = xmpp::Stanza::parse(xml);
      if (stanza->kind() != xmpp::Stanza::Kind::iq) continue;
      send(*client, "<iq type='result' id='" + std::string(stanza->id()) +
                        "'><query xmlns='http://jabber.org/protocol/disco#info'>"
                        "<feature var='" +
                        std::string(nick) + "+notify'/></query></iq>");
    }
    return client;
  }

  std::vector<std::string> take(Client& client) {
    std::vector<std::string> all;
    for (const std::string& xml : client.take_whole()) {
      if (xml.find("<presence") == std::string::npos) all.push_back(told(xml));
    }
    return all;
  }

  std::string ask(Client& client, const std::string& type, const std::string& content,
                  const std::string& to = "", const std::string& owner = "") {
    client.take();
    send(client, "<iq type='" + type + "' id='q'" + (to.empty() ? "" : " to='" + to + "'") +
                     "><pubsub xmlns='http://jabber.org/protocol/pubsub" + owner + "'>" + content +
                     "</pubsub></iq>");
    for (const std::string& xml : client.take_whole()) {
      if (xmpp::Stanza::parse(xml)->id() == "q") return told(xml);
    }
    return "no answer";
  }

  std::string publish(Client& client, const std::string& id, const std::string& text,
                      const std::string& with = "", const std::string& node = nick) {
    return ask(client, "set",
               "<publish node='" + node + "'><item id='" + id + "'><nick xmlns='urn:x'>" + text +
                   "</nick></item></publish>" + with);
  }

  std::string items(Client& client, const std::string& to = "", const std::string& more = "",
                    const std::string& node = nick) {
    return ask(client, "get", "<items node='" + node + "'" + more + "/>", to);
  }
};

using Told = std::vector<std::string>;

// XEP-0163 §3, §4
TEST_F(PepTest, TellsOwnDevicesAndContactsThatWantToHear) {
  auto romeo = listener("romeo@localhost/orchard");
  auto juliet = listener("juliet@localhost/balcony");
  auto tablet = listener("juliet@localhost/tablet");
  auto deaf = log_in("romeo@localhost/deaf");
  auto tybalt = listener("tybalt@localhost/street");
  befriend(*romeo, *juliet);
  take(*tablet), take(*deaf), take(*tybalt);
  EXPECT_EQ(publish(*juliet, "current", "Jule"), "result current");
  EXPECT_EQ(take(*romeo), Told{"event current=Jule"});
  EXPECT_EQ(take(*tablet), Told{"event current=Jule"});
  EXPECT_EQ(take(*deaf), Told{});
  EXPECT_EQ(take(*tybalt), Told{});
  publish(*juliet, "current", "not wanted", "", "urn:other");
  EXPECT_EQ(take(*romeo), Told{});
}

// What an event is about decides what it is, not what it has in it.
TEST_F(PepTest, TellsOfAnItemThatNamesTheCarbonsToAClientWithoutCarbons) {
  auto juliet = listener("juliet@localhost/balcony");
  auto tablet = listener("juliet@localhost/tablet");
  auto copies = log_in("juliet@localhost/copies");
  send(*copies, "<iq type='set' id='c'><enable xmlns='urn:xmpp:carbons:2'/></iq>");
  take(*tablet), take(*copies);
  EXPECT_EQ(ask(*juliet, "set",
                "<publish node='" + std::string(nick) +
                    "'><item id='1'><received xmlns='urn:xmpp:carbons:2'>x</received></item>"
                    "</publish>"),
            "result 1");
  EXPECT_EQ(take(*tablet), Told{"event 1=x"});
  EXPECT_EQ(take(*copies), Told{});
}

// XEP-0163 §4.3
TEST_F(PepTest, SendsTheLastItemsToWhoComes) {
  {
    auto romeo = log_in("romeo@localhost/orchard");
    auto juliet = log_in("juliet@localhost/balcony");
    befriend(*romeo, *juliet);
    publish(*juliet, "current", "Jule");
    publish(*juliet, "current", "hidden", options(field("access_model", "whitelist")), "urn:own");
  }
  auto romeo = listener("romeo@localhost/orchard");
  EXPECT_EQ(take(*romeo), Told{"event current=Jule"});
  auto juliet = listener("juliet@localhost/balcony");
  EXPECT_EQ(take(*juliet), Told{"event current=Jule"});
  auto tybalt = listener("tybalt@localhost/street");
  EXPECT_EQ(take(*tybalt), Told{});
}

// Hardening S18, S11: what one may not read is not there.
TEST_F(PepTest, ShowsItemsByTheAccessModelAlone) {
  auto romeo = log_in("romeo@localhost/orchard");
  auto juliet = log_in("juliet@localhost/balcony");
  auto tybalt = log_in("tybalt@localhost/street");
  befriend(*romeo, *juliet);
  for (const char* access : {"open", "presence", "whitelist"}) {
    EXPECT_EQ(publish(*juliet, "a", access, options(field("access_model", access)),
                      std::string("urn:") + access),
              "result a");
  }
  const std::string hidden = "error item-not-found";
  const auto read = [&](Client& client, const std::string& access) {
    return items(client, "juliet@localhost", "", "urn:" + access);
  };
  EXPECT_EQ(read(*juliet, "whitelist"), "result a=whitelist");
  EXPECT_EQ(read(*romeo, "open"), "result a=open");
  EXPECT_EQ(read(*romeo, "presence"), "result a=presence");
  EXPECT_EQ(read(*romeo, "whitelist"), hidden);
  EXPECT_EQ(read(*tybalt, "open"), "result a=open");
  EXPECT_EQ(read(*tybalt, "presence"), hidden);
  EXPECT_EQ(read(*tybalt, "whitelist"), hidden);
  EXPECT_EQ(read(*tybalt, "nothing"), hidden);
  EXPECT_EQ(items(*tybalt, "nobody@localhost"), hidden);
  request(*juliet, "unsubscribed", "romeo@localhost");
  EXPECT_EQ(read(*romeo, "presence"), hidden);
}

TEST_F(PepTest, KeepsAsManyItemsAsTheNodeMayHave) {
  auto juliet = log_in("juliet@localhost/balcony");
  const std::string three = options(field("max_items", "3"));
  for (const char* id : {"a", "b", "c", "a", "d"}) publish(*juliet, id, id, three);
  EXPECT_EQ(items(*juliet), "result c=c a=a d=d");
  EXPECT_EQ(items(*juliet, "", " max_items='2'"), "result a=a d=d");
  EXPECT_EQ(ask(*juliet, "get",
                "<items node='" + std::string(nick) + "'><item id='a'/><item id='x'/></items>"),
            "result a=a");
  publish(*juliet, "x", "1", "", "urn:one");
  publish(*juliet, "y", "2", "", "urn:one");
  EXPECT_EQ(items(*juliet, "", "", "urn:one"), "result y=2");
}

// XEP-0060 §7.1.5, hardening S18
TEST_F(PepTest, TakesPublishOptionsForAPrecondition) {
  auto juliet = log_in("juliet@localhost/balcony");
  const std::string own =
      options(field("access_model", "whitelist") + field("max_items", "max") +
              field("persist_items", "true") + field("send_last_published_item", "never"));
  EXPECT_EQ(publish(*juliet, "a", "1", own), "result a");
  EXPECT_EQ(publish(*juliet, "b", "2", own), "result b");
  EXPECT_EQ(publish(*juliet, "c", "3"), "result c") << "without options all is as it is";
  const std::string refused = "error conflict precondition-not-met";
  EXPECT_EQ(publish(*juliet, "d", "4", options(field("access_model", "open"))), refused);
  EXPECT_EQ(publish(*juliet, "d", "4", options(field("no_such_option", "1"))), refused);
  EXPECT_EQ(publish(*juliet, "d", "4", options(field("access_model", "authorize")), "urn:new"),
            refused);
  EXPECT_EQ(items(*juliet), "result a=1 b=2 c=3");
}

// XEP-0060 §7.2, §8.1, §8.2, §8.4, §8.5
TEST_F(PepTest, RetractsConfiguresPurgesAndDeletes) {
  auto juliet = listener("juliet@localhost/balcony");
  auto tablet = listener("juliet@localhost/tablet");
  const std::string node = " node='" + std::string(nick) + "'";
  EXPECT_EQ(ask(*juliet, "set",
                "<create" + node + "/><configure><x xmlns='jabber:x:data' type='submit'>" +
                    field("max_items", "10") + "</x></configure>"),
            "result");
  EXPECT_EQ(ask(*juliet, "set", "<create" + node + "/>"), "error conflict");
  publish(*juliet, "a", "1");
  publish(*juliet, "b", "2");
  take(*tablet);
  const std::string retract = "<retract" + node + " notify='true'><item id='a'/></retract>";
  EXPECT_EQ(ask(*juliet, "set", retract), "result");
  EXPECT_EQ(take(*tablet), Told{"event -a"});
  EXPECT_EQ(ask(*juliet, "set", retract), "error item-not-found");
  EXPECT_EQ(ask(*juliet, "set",
                "<configure" + node + "><x xmlns='jabber:x:data' type='submit'>" +
                    field("access_model", "open") + "</x></configure>",
                "", "#owner"),
            "result");
  auto tybalt = log_in("tybalt@localhost/street");
  EXPECT_EQ(items(*tybalt, "juliet@localhost"), "result b=2");
  EXPECT_EQ(ask(*juliet, "set", "<purge" + node + "/>", "", "#owner"), "result");
  EXPECT_EQ(take(*tablet), Told{"event purge"});
  EXPECT_EQ(items(*juliet), "result");
  EXPECT_EQ(ask(*juliet, "set", "<delete" + node + "/>", "", "#owner"), "result");
  EXPECT_EQ(take(*tablet), Told{"event delete"});
  EXPECT_EQ(items(*juliet), "error item-not-found");
  EXPECT_EQ(ask(*juliet, "set", "<delete" + node + "/>", "", "#owner"), "error item-not-found");
}

TEST_F(PepTest, ChangesNothingOfOthers) {
  auto juliet = log_in("juliet@localhost/balcony");
  auto tybalt = log_in("tybalt@localhost/street");
  publish(*juliet, "a", "1", options(field("access_model", "open")));
  const std::string node = " node='" + std::string(nick) + "'";
  for (const std::string& content : std::vector<std::string>{
           "<publish" + node + "><item id='a'><nick xmlns='urn:x'>2</nick></item></publish>",
           "<retract" + node + "><item id='a'/></retract>", "<create node='urn:new'/>"}) {
    EXPECT_EQ(ask(*tybalt, "set", content, "juliet@localhost"), "error service-unavailable");
  }
  EXPECT_EQ(ask(*tybalt, "set", "<delete" + node + "/>", "juliet@localhost", "#owner"),
            "error service-unavailable");
  EXPECT_EQ(items(*juliet), "result a=1");
}

// XEP-0060 §7.1.3
TEST_F(PepTest, AnswersWhatIsWrong) {
  auto juliet = log_in("juliet@localhost/balcony");
  const std::string item = "<item id='a'><nick xmlns='urn:x'/></item>";
  const std::vector<std::pair<std::string, std::string>> wrong = {
      {"<publish>" + item + "</publish>", "error bad-request nodeid-required"},
      {"<publish node='n'/>", "error bad-request item-required"},
      {"<publish node='n'>" + item + item + "</publish>", "error bad-request item-required"},
      {"<publish node='n'><item id='a'/></publish>", "error bad-request payload-required"},
      {"<publish node='n'><item><a xmlns='x'/><b xmlns='x'/></item></publish>",
       "error bad-request invalid-payload"},
      {"<retract node='n'/>", "error bad-request item-required"},
      {"<subscribe node='n' jid='juliet@localhost'/>", "error feature-not-implemented unsupported"},
  };
  for (const auto& [content, answer] : wrong) {
    EXPECT_EQ(ask(*juliet, "set", content), answer) << content;
  }
  EXPECT_EQ(publish(*juliet, "a", "x", "", std::string(1020, 'n')), "error not-acceptable");
}

// Hardening, limits: PEP, at N and N+1.
TEST_F(PepTest, BoundsNodesAndItems) {
  auto juliet = log_in("juliet@localhost/balcony");
  EXPECT_EQ(publish(*juliet, "a", std::string(65'000, 'x')), "result a");
  EXPECT_EQ(publish(*juliet, "a", std::string(65'536, 'x')), "error policy-violation");
  for (int at = 1; at < 100; ++at) {
    EXPECT_EQ(publish(*juliet, "a", "x", "", "urn:" + std::to_string(at)), "result a");
  }
  EXPECT_EQ(publish(*juliet, "a", "x", "", "urn:100"), "error resource-constraint");
  EXPECT_EQ(publish(*juliet, "a", "y", "", "urn:99"), "result a");
}

TEST(PepNode, IsStoredWithAllThatItHas) {
  PepNode node;
  EXPECT_EQ(node.to_string(), "");
  node.create({PepAccess::whitelist, 5, true, false});
  node.publish({"a", "<x xmlns='urn:x'>\u2603</x>"});
  node.publish({"b", ""});
  const auto again = PepNode::parse(node.to_string());
  ASSERT_TRUE(again);
  EXPECT_EQ(again->config(), node.config());
  ASSERT_EQ(again->items().size(), 2U);
  EXPECT_EQ(again->items()[0].payload, "<x xmlns='urn:x'>\u2603</x>");
  EXPECT_EQ(again->items()[1].id, "b");
  for (const char* text : {"{", "[]", "{}", "{\"access\":\"open\"}"}) {
    EXPECT_FALSE(PepNode::parse(text)) << text;
  }
}

}  // namespace
}  // namespace server
