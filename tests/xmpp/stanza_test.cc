#include "xmpp/stanza.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

namespace xmpp {
namespace {

Stanza parsed(std::string_view bytes) {
  Result<Stanza> stanza = Stanza::parse(bytes);
  EXPECT_TRUE(stanza.has_value()) << bytes;
  return std::move(stanza.value());
}

TEST(Stanza, ReadsAMessage) {
  const Stanza stanza = parsed(
      "<message from='a@b/c' to='d@e' id='1' type='chat' xml:lang='en'><body>hi</body>"
      "<x xmlns='u'><y/></x></message>");
  EXPECT_EQ(stanza.kind(), Stanza::Kind::message);
  EXPECT_EQ(stanza.from(), "a@b/c");
  EXPECT_EQ(stanza.to(), "d@e");
  EXPECT_EQ(stanza.id(), "1");
  EXPECT_EQ(stanza.type(), "chat");
  EXPECT_EQ(stanza.root().attr("xml:lang"), "en");
  EXPECT_EQ(stanza.root().child("body", ns::client).text(), "hi");
  EXPECT_EQ(stanza.root().child("x", "u").child("y", "u").name(), "y");
  EXPECT_FALSE(stanza.root().child("x", ns::client));
  EXPECT_FALSE(stanza.root().child("no", "u").child("y", "u").first_child());
  EXPECT_FALSE(stanza.root().has_attr("none"));
}

TEST(Stanza, TellsStanzasFromOtherElementsByNamespace) {
  EXPECT_EQ(parsed("<iq/>").kind(), Stanza::Kind::iq);
  EXPECT_EQ(parsed("<presence xmlns='jabber:server'/>").kind(), Stanza::Kind::presence);
  EXPECT_EQ(parsed("<iq xmlns='u'/>").kind(), Stanza::Kind::other);
  EXPECT_EQ(parsed("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>").kind(), Stanza::Kind::other);
  EXPECT_EQ(Stanza::parse("<iq/>", "u")->kind(), Stanza::Kind::other);
}

// Hardening X1, X15, K6: whoever hands in the bytes, they are checked.
TEST(Stanza, RefusesWhatAStreamWouldRefuse) {
  for (const std::string_view bytes : {"",
                                       "a",
                                       "<a>",
                                       "<a/><b/>",
                                       "<a/> ",
                                       " <a/>",
                                       "<!DOCTYPE a><a/>",
                                       "<a><!-- --></a>",
                                       "<?xml version='1.0'?><a/>",
                                       "<a>\x01</a>",
                                       "<a>&#0;</a>",
                                       "<a>&b;</a>",
                                       "<p:a/>",
                                       "<stream:features/>",
                                       "<a b='1' b='2'/>",
                                       "<a></b>",
                                       "<a>\xff</a>",
                                       "<a b></a>",
                                       "<a>&#junk#65;</a>",
                                       "</a>"}) {
    EXPECT_EQ(Stanza::parse(bytes).error(), Errc::xml_malformed) << bytes;
  }
  EXPECT_EQ(Stanza::parse(std::string_view("<a>\0</a>", 8)).error(), Errc::xml_malformed);
  EXPECT_EQ(Stanza::parse("<a><b/><b/></a>", ns::client, {.elements_max = 2}).error(),
            Errc::xml_too_big);
  EXPECT_EQ(Stanza::parse("<a>long</a>", ns::client, {.bytes_max = 10}).error(), Errc::xml_too_big);
}

// Hardening X16: CVE-2024-50614, CVE-2024-50615 (asserts in tinyxml2's references).
TEST(Stanza, RefusesTheInputsOfKnownLibraryAsserts) {
  for (const std::string_view reference : {"&#x20000000000000000000041;", "&#99999999999999999999;",
                                           "&#xFFFFFFFFF;", "&#x;", "&#;", "&#\x80;"}) {
    const std::string text = "<a>" + std::string(reference) + "</a>";
    EXPECT_EQ(Stanza::parse(text).error(), Errc::xml_malformed) << text;
  }
}

// Hardening X9: text in any number of pieces reads as one.
TEST(Stanza, JoinsRunsOfText) {
  EXPECT_EQ(parsed("<a>a<![CDATA[b]]>c<x/>&amp;d<![CDATA[<&]]></a>").root().text(), "abc&d<&");
  std::string many = "<a>";
  for (int i = 0; i < 4'000; ++i) many += "<![CDATA[]]>";
  EXPECT_EQ(parsed(many + "x</a>").root().text(), "x");
  EXPECT_EQ(parsed(many + "</a>").to_string(), "<a/>");
}

// Hardening X12.
TEST(Stanza, KeepsWhiteSpaceThroughARoundTrip) {
  for (const std::string_view text :
       {" ", "  ", "\n", "\t", " \n ", "a\nb", "\ta ", "&#13;", "a&#13;\nb", "\n\n"}) {
    const std::string bytes = "<a><b>" + std::string(text) + "</b> <c/></a>";
    EXPECT_EQ(parsed(bytes).to_string(), bytes);
  }
  EXPECT_EQ(parsed("<a> <![CDATA[ ]]> </a>").root().text(), "   ");
  EXPECT_EQ(parsed("<a>a\r\nb\n\rc</a>").root().text(), "a\nb\n\nc");
  EXPECT_EQ(parsed("<a b='&#13;&#10;&#9; '/>").root().attr("b"), "\r\n\t ");
  EXPECT_EQ(parsed("<a b='&#13;&#10;&#9; '/>").to_string(), "<a b='&#13;&#10;&#9; '/>");
  EXPECT_EQ(parsed("<a b='1\r\n2\t3'/>").root().attr("b"), "1 2 3");
}

// Hardening X13: in every place a caller can set, and read back by the receiver's parser.
TEST(Stanza, CarriesAnyTextInAnyPlace) {
  for (const std::string_view text : {"\"'<>&]]>", "<![CDATA[", "&amp;", "\r\n\t ",
                                      "a\xf0\x9f\x98\x80", "--><!--", "]]>", "'/><iq/><x a='"}) {
    Stanza stanza = Stanza::make(Stanza::Kind::message, "chat", text);
    stanza.set_to(text);
    stanza.root().add_child("body", ns::client).set_text(text);
    stanza.root().add_child("x", "u").set_attr("v", text);
    const Stanza read = parsed(stanza.to_string());
    EXPECT_EQ(read.id(), text);
    EXPECT_EQ(read.to(), text);
    EXPECT_EQ(read.root().child("body", ns::client).text(), text);
    EXPECT_EQ(read.root().child("x", "u").attr("v"), text);
    EXPECT_EQ(read.to_string(), stanza.to_string());
  }
}

// Hardening X5: what XML cannot carry neither cuts a text nor leaves us.
TEST(Stanza, ReplacesCharactersThatXmlCannotCarry) {
  Stanza stanza = Stanza::make(Stanza::Kind::message);
  stanza.root().set_text(std::string_view("a\0b\x01\xff", 5));
  EXPECT_EQ(stanza.root().text(),
            "a\xef\xbf\xbd"
            "b\xef\xbf\xbd\xef\xbf\xbd");
  EXPECT_EQ(parsed(stanza.to_string()).root().text(), stanza.root().text());
}

// Hardening X6.
TEST(Stanza, ResolvesNamespacesThroughAncestors) {
  const Stanza stanza =
      parsed("<iq xmlns:p='u'><p:a p:k='1'><b xmlns=''/><c xmlns:p='v'><p:d/></c></p:a></iq>");
  const Element a = stanza.root().child("a", "u");
  ASSERT_TRUE(a);
  EXPECT_EQ(a.attr("p:k"), "1");
  EXPECT_TRUE(a.child("b", ""));
  EXPECT_TRUE(a.child("c", ns::client).child("d", "v"));
}

// Found by stream_fuzz: what we print must be what we accept.
TEST(Stanza, ReadsBackANamespaceThatIsPrintedWithReferences) {
  const Stanza stanza = parsed("<a xmlns='u>&amp;\"'/>");
  EXPECT_EQ(stanza.root().ns(), "u>&\"");
  EXPECT_EQ(parsed(stanza.to_string()).root().ns(), "u>&\"");
}

TEST(Stanza, WritesElementsThatStandAlone) {
  const Stanza stanza = parsed("<iq xmlns:p='u'><p:a p:k='1'><b/></p:a><q xmlns='w'><r/></q></iq>");
  EXPECT_EQ(stanza.root().first_child().to_string(), "<p:a xmlns:p='u' p:k='1'><b/></p:a>");
  EXPECT_EQ(stanza.root().child("q", "w").first_child().to_string(), "<r xmlns='w'/>");
  EXPECT_EQ(stanza.root().child("q", "w").first_child().to_string("w"), "<r/>");
  EXPECT_EQ(parsed("<iq/>").to_string("jabber:server"), "<iq xmlns='jabber:client'/>");
  EXPECT_EQ(parsed("<iq xmlns=''/>").to_string(), "<iq xmlns=''/>");
}

TEST(Stanza, CopiesElementsBetweenStanzasWithTheirNamespaces) {
  const Stanza from = parsed("<iq xmlns:p='u'><p:a><b/></p:a></iq>");
  Stanza to = Stanza::make_element("wrap", "w");
  to.root().add_copy(from.root().first_child());
  const Stanza read = parsed(to.to_string());
  EXPECT_TRUE(read.root().child("a", "u").child("b", ns::client)) << to.to_string();
  const Stanza copy = to.copy();
  to.root().remove_children();
  EXPECT_FALSE(to.root().first_child());
  EXPECT_EQ(copy.to_string(), read.to_string());
}

TEST(Stanza, ChangesItsTree) {
  Stanza stanza = parsed("<iq type='get'><a/><b/><a/></iq>");
  stanza.root().remove_child(stanza.root().child("a", ns::client));
  EXPECT_EQ(stanza.to_string(), "<iq type='get'><b/><a/></iq>");
  stanza.set_type("");
  stanza.set_from("x@y");
  stanza.root().child("b", ns::client).set_text("t");
  stanza.root().child("b", ns::client).set_text("");
  EXPECT_EQ(stanza.to_string(), "<iq from='x@y'><b/><a/></iq>");
  std::vector<std::string> names;
  for (const Element child : children(stanza.root())) names.emplace_back(child.name());
  EXPECT_EQ(names, (std::vector<std::string>{"b", "a"}));
}

// RFC 6120 §8.3.
TEST(Stanza, AnswersWithAnError) {
  const Stanza stanza =
      parsed("<iq type='get' id='7' from='a@b/c' to='d@e'><query xmlns='u'/></iq>");
  EXPECT_EQ(
      stanza.error_reply(StanzaErrorCondition::item_not_found, "none <here>").to_string(),
      "<iq type='error' id='7' to='a@b/c' from='d@e'><query xmlns='u'/><error type='cancel'>"
      "<item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>"
      "<text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas' xml:lang='en'>none &lt;here&gt;</text>"
      "</error></iq>");
  EXPECT_EQ(stanza.result_reply().to_string(), "<iq type='result' id='7' to='a@b/c' from='d@e'/>");
  const Stanza without = parsed("<message type='chat'/>");
  EXPECT_EQ(without.error_reply(StanzaErrorCondition::not_allowed).to_string(),
            "<message type='error'><error type='cancel'>"
            "<not-allowed xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>");
}

// Hardening S16.
TEST(Stanza, EchoesAPayloadOfUpToOneKibibyte) {
  const auto reply = [](std::size_t bytes) {
    const std::string body = "<body>" + std::string(bytes - 13, 'x') + "</body>";
    return parsed("<message>" + body + "</message>")
        .error_reply(StanzaErrorCondition::service_unavailable);
  };
  EXPECT_TRUE(reply(1'024).root().child("body", ns::client));
  EXPECT_FALSE(reply(1'025).root().child("body", ns::client));
  EXPECT_TRUE(reply(1'025).root().child("error", ns::client));
}

// RFC 6120 §8.3.1, hardening S15.
TEST(Stanza, AnswersNoErrorAndNoResult) {
  EXPECT_TRUE(parsed("<iq type='get'/>").may_be_answered_with_error());
  EXPECT_TRUE(parsed("<message/>").may_be_answered_with_error());
  for (const std::string_view bytes :
       {"<iq type='error'/>", "<iq type='result'/>", "<message type='error'/>",
        "<presence type='error'/>", "<a xmlns='u'/>"}) {
    EXPECT_FALSE(parsed(bytes).may_be_answered_with_error()) << bytes;
  }
}

// Hardening X7: the deepest stanza can still be wrapped.
TEST(Stanza, HoldsTheDeepestElementWithWrappersAroundIt) {
  std::string deep;
  for (int i = 0; i < 64; ++i) deep += "<a>";
  for (int i = 0; i < 64; ++i) deep += "</a>";
  const Stanza inner = parsed(deep);
  Stanza outer = Stanza::make(Stanza::Kind::message);
  outer.root().add_child("sent", "c").add_child("forwarded", "f").add_copy(inner.root());
  EXPECT_NE(outer.to_string().find("<a xmlns='jabber:client'><a>"), std::string::npos);
}

TEST(Stanza, GivesItsTreeBackToThePoolOfItsThread) {
  for (int round = 0; round < 3; ++round) {
    std::vector<Stanza> many;
    for (int i = 0; i < 100; ++i) {
      many.push_back(parsed("<message><body>" + std::to_string(i) + "</body></message>"));
    }
    for (int i = 0; i < 100; ++i) {
      EXPECT_EQ(many[static_cast<std::size_t>(i)].root().first_child().text(), std::to_string(i));
    }
    many.erase(many.begin() + 50, many.end());
  }
  std::thread([] { EXPECT_EQ(parsed("<iq/>").kind(), Stanza::Kind::iq); }).join();
}

}  // namespace
}  // namespace xmpp
