#include "server/router/stanza_ids.h"

#include <gtest/gtest.h>

#include "server/router/stored_message.h"
#include "xmpp/namespaces.h"
#include "xmpp/stanza.h"

namespace server {
namespace {

constexpr MessageId id{1, 2};

// XEP-0359 §3; hardening X14: all else goes on byte for byte.
TEST(StanzaId, StandsBehindAllThatTheMessageHas) {
  const auto juliet = xmpp::Jid::parse("juliet@localhost").value();
  const std::string added =
      "<stanza-id xmlns='urn:xmpp:sid:0' by='juliet@localhost'"
      " id='00000000000000010000000000000002'/>";
  EXPECT_EQ(with_stanza_id("<message a=\"b\"><body>hi</body></message>", juliet, id),
            "<message a=\"b\"><body>hi</body>" + added + "</message>");
  EXPECT_EQ(with_stanza_id("<c:message xmlns:c='jabber:client'><c:body/></c:message >", juliet, id),
            "<c:message xmlns:c='jabber:client'><c:body/>" + added + "</c:message >");
  EXPECT_EQ(with_stanza_id("<message><body><![CDATA[</message>]]></body></message>", juliet, id),
            "<message><body><![CDATA[</message>]]></body>" + added + "</message>");
  for (const std::string_view xml : {"<message><body>hi</body></message>",
                                     "<c:message xmlns:c='jabber:client'><c:body/></c:message >"}) {
    const auto stanza = xmpp::Stanza::parse(with_stanza_id(xml, juliet, id));
    ASSERT_TRUE(stanza) << xml;
    EXPECT_EQ(stanza->root().child("stanza-id", xmpp::ns::stanza_ids).attr("by"), juliet.str());
  }
}

// XEP-0313 §6.1.1, XEP-0334 §4: with and without a tree.
TEST(Archiving, IsForWhatIsOfUseLater) {
  const auto is_worth = [](const std::string& content) {
    return is_worth_archiving("<message type='chat'>" + content + "</message>");
  };
  const std::string body = "<body>hi</body>";
  const std::string state = "<active xmlns='http://jabber.org/protocol/chatstates'/>";
  EXPECT_TRUE(is_worth(body));
  EXPECT_TRUE(is_worth(state + body));
  EXPECT_TRUE(is_worth("<encrypted xmlns='eu.siacs.conversations.axolotl'/>"));
  EXPECT_TRUE(is_worth("<received xmlns='urn:xmpp:receipts' id='1'/>"));
  EXPECT_TRUE(is_worth(state + "<store xmlns='urn:xmpp:hints'/>"));
  EXPECT_TRUE(is_worth(body + "<no-copy xmlns='urn:xmpp:hints'/>"));
  EXPECT_FALSE(is_worth(""));
  EXPECT_FALSE(is_worth(state + "<thread>t</thread>"));
  EXPECT_FALSE(is_worth(state + "<no-copy xmlns='urn:xmpp:hints'/>"));
  EXPECT_FALSE(is_worth(body + "<no-store xmlns='urn:xmpp:hints'/>"));
  EXPECT_FALSE(is_worth(body + "<no-permanent-store xmlns='urn:xmpp:hint&#115;'/>"));
}

// XEP-0160 §3, XEP-0334 §4
TEST(OfflineStore, IsForWhatIsOfUseLaterOrSaysSo) {
  const auto is_worth = [](const std::string& content) {
    return is_worth_storing("<message type='chat'>" + content + "</message>");
  };
  const auto hint = [](const std::string& name) {
    return "<" + name + " xmlns='urn:xmpp:hints'/>";
  };
  const std::string state = "<active xmlns='http://jabber.org/protocol/chatstates'/>";
  EXPECT_TRUE(is_worth("<body>hi</body>" + hint("no-permanent-store")));
  EXPECT_TRUE(is_worth(state + hint("store")));
  EXPECT_FALSE(is_worth(state));
  EXPECT_FALSE(is_worth("<body>hi</body>" + hint("no-store")));
  EXPECT_FALSE(is_worth("<body>hi</body>" + hint("store") + hint("no-store")));
}

}  // namespace
}  // namespace server
