// vCards and private XML as clients see them.

#include <gtest/gtest.h>

#include <string>

#include "tests/server/presence/one_node.h"

namespace server {
namespace {

class StoredXml : public OneNode {
 protected:
  /// The answer's content, or its error's condition.
  std::string ask(Client& client, const std::string& type, const std::string& payload,
                  const std::string& to = "") {
    client.take();
    send(client, "<iq type='" + type + "' id='q'" + (to.empty() ? "" : " to='" + to + "'") + ">" +
                     payload + "</iq>");
    auto whole = client.take_whole();
    std::erase_if(whole, [](const std::string& other) { return !other.starts_with("<iq"); });
    if (whole.size() != 1) return std::to_string(whole.size()) + " answers";
    if (in_short(whole.front()).starts_with("error")) return in_short(whole.front());
    const auto stanza = xmpp::Stanza::parse(whole.front());
    const xmpp::Element content = stanza->root().first_child();
    return content ? content.to_string() : "";
  }
};

using Vcard = StoredXml;
using PrivateXml = StoredXml;

const std::string empty = "<vCard xmlns='vcard-temp'/>";
const std::string hers = "<vCard xmlns='vcard-temp'><FN>Juliet &amp; \u2603</FN></vCard>";

// XEP-0054 §3
TEST_F(Vcard, IsSetByItsOwnerAndSeenByAll) {
  auto juliet = log_in("juliet@localhost/balcony");
  auto tybalt = log_in("tybalt@localhost/street");
  EXPECT_EQ(ask(*juliet, "get", empty), empty);
  EXPECT_EQ(ask(*tybalt, "get", empty, "juliet@localhost"), "error item-not-found");
  EXPECT_EQ(ask(*juliet, "set", hers), "");
  EXPECT_EQ(ask(*juliet, "get", empty), hers);
  EXPECT_EQ(ask(*juliet, "get", empty, "juliet@localhost"), hers);
  EXPECT_EQ(ask(*tybalt, "get", empty, "juliet@localhost"), hers);
  EXPECT_EQ(ask(*tybalt, "set", empty, "juliet@localhost"), "error service-unavailable");
  EXPECT_EQ(ask(*tybalt, "get", empty, "nobody@localhost"), "error item-not-found");
  EXPECT_EQ(ask(*juliet, "get", empty), hers);
}

TEST_F(Vcard, HasAMaximumSize) {
  auto juliet = log_in("juliet@localhost/balcony");
  const auto sized = [](std::size_t bytes) {
    const std::string around = "<vCard xmlns='vcard-temp'><FN></FN></vCard>";
    return "<vCard xmlns='vcard-temp'><FN>" + std::string(bytes - around.size(), 'x') +
           "</FN></vCard>";
  };
  EXPECT_EQ(ask(*juliet, "set", sized(64 * 1024)), "");
  EXPECT_EQ(ask(*juliet, "set", sized(64 * 1024 + 1)), "error policy-violation");
  EXPECT_EQ(ask(*juliet, "get", empty), sized(64 * 1024));
}

/// A picture in Base64, as vCards have it.
std::string photo(const std::string& type, const std::string& data) {
  return "<PHOTO><TYPE>" + type + "</TYPE><BINVAL>" + data + "</BINVAL></PHOTO>";
}

std::string vcard_of(const std::string& content) {
  return "<vCard xmlns='vcard-temp'>" + content + "</vCard>";
}

class AvatarTest : public StoredXml {
 protected:
  static constexpr const char* png = "iVBORw0KGgo=";
  static constexpr const char* png_hash = "4caece539b039b16e16206ea2478f8c5ffb2ca05";
  static constexpr const char* jpeg = "/9j/AAEC";
  static constexpr const char* jpeg_hash = "667880e18d715e3d5c6637d0fdbd719d182fa59e";

  std::string publish(Client& client, const std::string& node, const std::string& id,
                      const std::string& payload) {
    return ask(client, "set",
               "<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='" + node +
                   "'><item id='" + id + "'>" + payload + "</item></publish></pubsub>");
  }

  std::string items(Client& client, const std::string& node, const std::string& of = "") {
    return ask(
        client, "get",
        "<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='" + node + "'/></pubsub>",
        of);
  }

  /// Whether the node's one item is this.
  void expect_item(Client& client, const std::string& node, const std::string& id,
                   const std::string& payload, const std::string& of = "") {
    EXPECT_EQ(items(client, node, of),
              "<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='" + node +
                  "'><item id='" + id + "'>" + payload + "</item></items></pubsub>");
  }

  static std::string metadata(const std::string& info) {
    return "<metadata xmlns='urn:xmpp:avatar:metadata'>" + info + "</metadata>";
  }
};

// XEP-0398 §4.1, §5: in the vCard of who may see it in PEP.
TEST_F(AvatarTest, ThatIsPublishedIsThePhotoOfTheVcard) {
  auto juliet = log_in("juliet@localhost/balcony");
  auto romeo = log_in("romeo@localhost/orchard");
  auto tybalt = log_in("tybalt@localhost/street");
  befriend(*juliet, *romeo);
  publish(*juliet, "urn:xmpp:avatar:data", png_hash,
          "<data xmlns='urn:xmpp:avatar:data'>" + std::string(png) + "</data>");
  publish(*juliet, "urn:xmpp:avatar:metadata", png_hash,
          metadata("<info id='x' bytes='8' type='image/png' url='http://x/y'/><info id='" +
                   std::string(png_hash) + "' bytes='8' type='image/png'/>"));
  const std::string shown = vcard_of(photo("image/png", png));
  EXPECT_EQ(ask(*juliet, "get", empty), shown);
  EXPECT_EQ(ask(*romeo, "get", empty, "juliet@localhost"), shown);
  EXPECT_EQ(ask(*tybalt, "get", empty, "juliet@localhost"), "error item-not-found");

  publish(*juliet, "urn:xmpp:avatar:metadata", "none", metadata(""));
  EXPECT_EQ(ask(*juliet, "get", empty), empty);
}

// XEP-0398 §4.2
TEST_F(AvatarTest, IsThePhotoThatAVcardIsSetWith) {
  auto juliet = log_in("juliet@localhost/balcony");
  auto tybalt = log_in("tybalt@localhost/street");
  EXPECT_EQ(
      ask(*juliet, "set", vcard_of("<FN>J</FN><PHOTO><BINVAL>/9j/\n  AAEC\n</BINVAL></PHOTO>")),
      "");
  expect_item(*tybalt, "urn:xmpp:avatar:data", jpeg_hash,
              "<data xmlns='urn:xmpp:avatar:data'>" + std::string(jpeg) + "</data>",
              "juliet@localhost");
  expect_item(*tybalt, "urn:xmpp:avatar:metadata", jpeg_hash,
              metadata("<info id='" + std::string(jpeg_hash) + "' bytes='6' type='image/jpeg'/>"),
              "juliet@localhost");
  const std::string shown = vcard_of("<FN>J</FN>" + photo("image/jpeg", jpeg));
  EXPECT_EQ(ask(*tybalt, "get", empty, "juliet@localhost"), shown);
  // What a client sets again as it got it changes nothing; without the photo it takes it away.
  EXPECT_EQ(ask(*juliet, "set", shown), "");
  EXPECT_EQ(ask(*juliet, "get", empty), shown);
  EXPECT_EQ(ask(*juliet, "set", vcard_of("<FN>J</FN>")), "");
  EXPECT_EQ(ask(*juliet, "get", empty), vcard_of("<FN>J</FN>"));
  EXPECT_NE(items(*juliet, "urn:xmpp:avatar:metadata").find("<metadata"), std::string::npos);
}

// XEP-0398 §5
TEST_F(AvatarTest, IsNamedInPresenceByItsHash) {
  const std::string named =
      "<x xmlns='vcard-temp:x:update'><photo>" + std::string(jpeg_hash) + "</photo></x>";
  auto juliet = log_in("juliet@localhost/balcony");
  auto romeo = log_in("romeo@localhost/orchard");
  befriend(*juliet, *romeo);
  const auto seen = [&] {
    std::string all;
    for (const std::string& stanza : romeo->take_whole()) {
      if (stanza.starts_with("<presence")) all += stanza + "\n";
    }
    return all;
  };
  seen();
  ask(*juliet, "set", vcard_of("<PHOTO><BINVAL>/9j/AAEC</BINVAL></PHOTO>"));
  EXPECT_NE(seen().find(named), std::string::npos) << "a change is told";
  auto tablet = log_in("juliet@localhost/tablet");
  EXPECT_NE(seen().find(named), std::string::npos) << "the next session tells it";
  send(*juliet, "<presence><x xmlns='vcard-temp:x:update'/><show>away</show></presence>");
  EXPECT_NE(seen().find(named), std::string::npos) << "the client knows nothing of it";
  send(*juliet, "<presence><x xmlns='vcard-temp:x:update'><photo/></x></presence>");
  EXPECT_EQ(seen().find(named), std::string::npos) << "the client wants none";
  send(*juliet, "<presence/>");
  seen();
  ask(*juliet, "set", vcard_of(""));
  const std::string after = seen();
  EXPECT_NE(after.find("<presence"), std::string::npos);
  EXPECT_EQ(after.find("vcard-temp:x:update"), std::string::npos) << after;
}

TEST_F(AvatarTest, IsNoPhotoThatIsNoPictureOrElsewhere) {
  auto juliet = log_in("juliet@localhost/balcony");
  for (const std::string& odd : {photo("image/png", "!!!"),
                                 std::string("<PHOTO><BINVAL>AAAA"
                                             "</BINVAL></PHOTO>"),
                                 std::string("<PHOTO><EXTVAL>http://x/y</EXTVAL></PHOTO>")}) {
    EXPECT_EQ(ask(*juliet, "set", vcard_of(odd)), "");
    EXPECT_EQ(ask(*juliet, "get", empty), vcard_of(odd));
    EXPECT_EQ(items(*juliet, "urn:xmpp:avatar:metadata"), "error item-not-found");
  }
}

std::string stored(const std::string& content) {
  return "<query xmlns='jabber:iq:private'>" + content + "</query>";
}

// XEP-0049 §2
TEST_F(PrivateXml, IsKeptByTheNameOfItsElement) {
  auto juliet = log_in("juliet@localhost/balcony");
  const std::string bookmarks =
      "<storage xmlns='storage:bookmarks'><conference jid='a@b'/></storage>";
  const std::string notes = "<storage xmlns='storage:notes'><note/></storage>";
  const std::string none = stored("<storage xmlns='storage:bookmarks'/>");
  EXPECT_EQ(ask(*juliet, "get", none), none);
  EXPECT_EQ(ask(*juliet, "set", stored(bookmarks + notes)), "");
  EXPECT_EQ(ask(*juliet, "get", none), stored(bookmarks));
  EXPECT_EQ(ask(*juliet, "get", stored("<storage xmlns='storage:notes'/>")), stored(notes));
  EXPECT_EQ(ask(*juliet, "set", none), "");
  EXPECT_EQ(ask(*juliet, "get", none), none);
  EXPECT_EQ(ask(*juliet, "get", stored("<storage xmlns='storage:notes'/>")), stored(notes));
}

TEST_F(PrivateXml, IsPrivateAndAsksForOneAtATime) {
  auto juliet = log_in("juliet@localhost/balcony");
  auto tybalt = log_in("tybalt@localhost/street");
  const std::string one = "<a xmlns='urn:a'/>";
  for (const char* type : {"get", "set"}) {
    EXPECT_EQ(ask(*tybalt, type, stored(one), "juliet@localhost"), "error service-unavailable");
    EXPECT_EQ(ask(*juliet, type, stored("")), "error bad-request");
  }
  EXPECT_EQ(ask(*juliet, "get", stored(one + one)), "error bad-request");
}

TEST_F(PrivateXml, HasAMaximumSizeAsAWhole) {
  auto juliet = log_in("juliet@localhost/balcony");
  std::string answer;
  int kept = 0;
  for (; kept < 10 && answer.empty(); ++kept) {
    answer = ask(*juliet, "set",
                 stored("<a xmlns='urn:" + std::to_string(kept) + "'>" + std::string(200'000, 'x') +
                        "</a>"));
  }
  EXPECT_EQ(answer, "error policy-violation");
  EXPECT_EQ(kept, 6);
  EXPECT_EQ(ask(*juliet, "get", stored("<a xmlns='urn:5'/>")), stored("<a xmlns='urn:5'/>"));
  EXPECT_NE(ask(*juliet, "get", stored("<a xmlns='urn:4'/>")).find("xxx"), std::string::npos);
}

class BookmarksTest : public StoredXml {
 protected:
  std::string old_ones(Client& client) {
    return ask(client, "get",
               "<query xmlns='jabber:iq:private'><storage xmlns='storage:bookmarks'/></query>");
  }

  std::string set_old(Client& client, const std::string& content) {
    return ask(client, "set", query(content));
  }

  static std::string query(const std::string& content) {
    return "<query xmlns='jabber:iq:private'><storage xmlns='storage:bookmarks'>" + content +
           "</storage></query>";
  }

  std::string new_ones(Client& client) {
    return ask(client, "get",
               "<pubsub xmlns='http://jabber.org/protocol/pubsub'>"
               "<items node='urn:xmpp:bookmarks:1'/></pubsub>");
  }

  std::string publish(Client& client, const std::string& id, const std::string& payload) {
    return ask(client, "set",
               "<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish "
               "node='urn:xmpp:bookmarks:1'><item id='" +
                   id + "'>" + payload + "</item></publish></pubsub>");
  }

  static std::string pubsub(const std::string& items) {
    return "<pubsub xmlns='http://jabber.org/protocol/pubsub'><items "
           "node='urn:xmpp:bookmarks:1'>" +
           items + "</items></pubsub>";
  }
};

// XEP-0402 §4
TEST_F(BookmarksTest, OfOlderClientsAreItemsForNewerOnes) {
  auto juliet = log_in("juliet@localhost/balcony");
  EXPECT_EQ(set_old(*juliet,
                    "<conference jid='Verona@rooms.x' name='V &amp; co' autojoin='1'>"
                    "<nick>juliet</nick><password>&lt;</password></conference>"
                    "<conference jid='mantua@rooms.x'/><url url='http://x' name='x'/>"),
            "");
  EXPECT_EQ(new_ones(*juliet),
            pubsub("<item id='mantua@rooms.x'><conference xmlns='urn:xmpp:bookmarks:1'/></item>"
                   "<item id='verona@rooms.x'><conference xmlns='urn:xmpp:bookmarks:1' "
                   "name='V &amp; co' autojoin='1'><nick>juliet</nick><password>&lt;</password>"
                   "</conference></item>"));
  EXPECT_EQ(set_old(*juliet, "<conference jid='mantua@rooms.x'/>"), "");
  EXPECT_EQ(new_ones(*juliet),
            pubsub("<item id='mantua@rooms.x'><conference xmlns='urn:xmpp:bookmarks:1'/></item>"));
  EXPECT_EQ(set_old(*juliet, ""), "");
  EXPECT_EQ(new_ones(*juliet),
            "<pubsub xmlns='http://jabber.org/protocol/pubsub'><items "
            "node='urn:xmpp:bookmarks:1'/></pubsub>");
}

TEST_F(BookmarksTest, OfNewerClientsAreThereForOlderOnesWithAllThatTheyKept) {
  auto juliet = log_in("juliet@localhost/balcony");
  const std::string url = "<url url='http://x' name='x'/>";
  EXPECT_EQ(set_old(*juliet, url), "");
  EXPECT_EQ(old_ones(*juliet), query(url));
  const std::string more = "<extensions><x xmlns='urn:x'/></extensions>";
  publish(*juliet, "verona@rooms.x",
          "<conference xmlns='urn:xmpp:bookmarks:1' name='V' autojoin='true'><nick>j</nick>" +
              more + "</conference>");
  EXPECT_EQ(old_ones(*juliet), query(url + "<conference jid='verona@rooms.x' name='V' "
                                           "autojoin='true'><nick>j</nick></conference>"));
  // What older clients do not know of stays.
  EXPECT_EQ(set_old(*juliet, "<conference jid='verona@rooms.x' name='W'/>"), "");
  EXPECT_EQ(new_ones(*juliet),
            pubsub("<item id='verona@rooms.x'><conference xmlns='urn:xmpp:bookmarks:1' name='W'>" +
                   more + "</conference></item>"));
}

TEST_F(BookmarksTest, AreForTheAccountAloneAndBounded) {
  auto juliet = log_in("juliet@localhost/balcony");
  auto romeo = log_in("romeo@localhost/orchard");
  befriend(*juliet, *romeo);
  EXPECT_EQ(set_old(*juliet, "<conference jid='verona@rooms.x'/>"), "");
  EXPECT_EQ(ask(*romeo, "get",
                "<pubsub xmlns='http://jabber.org/protocol/pubsub'>"
                "<items node='urn:xmpp:bookmarks:1'/></pubsub>",
                "juliet@localhost"),
            "error item-not-found");
  std::string many;
  for (int n = 0; n < 257; ++n) many += "<conference jid='r" + std::to_string(n) + "@x'/>";
  EXPECT_EQ(set_old(*juliet, many), "error resource-constraint");
  EXPECT_EQ(old_ones(*juliet), query("<conference jid='verona@rooms.x'/>"));
}

}  // namespace
}  // namespace server
