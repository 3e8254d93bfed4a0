#include "xmpp/stream_parser.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/xmpp/stream_text.h"

namespace xmpp {
namespace {

using testing::client_header;
using testing::say;
using testing::verdict;
using Event = StreamParser::Event;

std::string open(std::string_view bytes) {
  const std::string whole = verdict(bytes, bytes.size());
  EXPECT_EQ(verdict(bytes, 1), whole) << bytes;
  return whole;
}

std::string accepted(std::string_view name, std::string_view bytes,
                     std::string_view ns = "jabber:client") {
  return "element " + std::string(ns) + " " + std::string(name) + " " + std::string(bytes) + "\n";
}

struct Case {
  std::string bytes;
  std::string said;  // The beginning of the verdict.
};

void expect_all(const std::vector<Case>& cases) {
  for (const Case& one : cases) {
    const std::string said = say(one.bytes);
    EXPECT_TRUE(said.starts_with(one.said)) << one.bytes << "\n" << said;
  }
}

TEST(StreamParser, CutsAStreamIntoItsElements) {
  const std::string said =
      say(" \n<message to='a@b'><body>hi</body></message><presence/>\n\n<iq type=\"get\" ></iq >"
          "</stream:stream > ");
  EXPECT_EQ(said, accepted("message", "<message to='a@b'><body>hi</body></message>") +
                      accepted("presence", "<presence/>") +
                      accepted("iq", "<iq type=\"get\" ></iq >") + "close\n");
}

TEST(StreamParser, PointsIntoTheInputWhenAnElementLiesWholeInIt) {
  StreamParser parser;
  const std::string bytes = std::string(client_header) + "<presence/><iq";
  std::string_view input = bytes;
  ASSERT_EQ(parser.next(input), Event::stream_open);
  ASSERT_EQ(parser.next(input), Event::element);
  EXPECT_EQ(parser.element().data(), bytes.data() + client_header.size());
  EXPECT_FALSE(parser.has_partial());
  ASSERT_EQ(parser.next(input), Event::need_more);
  EXPECT_TRUE(input.empty());
  EXPECT_EQ(parser.partial_bytes(), 3u);
  input = "/><iq/>";
  ASSERT_EQ(parser.next(input), Event::element);
  EXPECT_EQ(parser.element(), "<iq/>");
  EXPECT_EQ(input, "<iq/>");
}

TEST(StreamParser, IsSmallWhenIdle) { EXPECT_LT(sizeof(StreamParser), 200u); }

TEST(StreamParser, ReadsTheHeader) {
  StreamParser parser;
  const std::string bytes =
      "<?xml version=\"1.0\" encoding='UTF-8' standalone='no' ?>\n<stream:stream from='a&amp;b' "
      "to='localhost' id='x' version='1.0' xml:lang='de' xmlns='jabber:client' "
      "xmlns:stream='http://etherx.jabber.org/streams'>";
  std::string_view input = bytes;
  ASSERT_EQ(parser.next(input), Event::stream_open);
  EXPECT_EQ(parser.header().from, "a&b");
  EXPECT_EQ(parser.header().to, "localhost");
  EXPECT_EQ(parser.header().id, "x");
  EXPECT_EQ(parser.header().version, "1.0");
  EXPECT_EQ(parser.header().lang, "de");
  EXPECT_EQ(parser.header().default_ns, "jabber:client");
}

// Hardening P20, RFC 6120 §4.9.3, §11.6.
TEST(StreamParser, AnswersOddHeadersWithTheExactError) {
  const std::string ns = "xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>";
  const std::vector<Case> cases = {
      {"GET / HTTP/1.1\r\n", "error not-well-formed"},
      {"\x16\x03\x01\x02", "error not-well-formed"},
      {"\xef\xbb\xbf<stream:stream " + ns, "error not-well-formed"},
      {"\xff\xfe<", "error unsupported-encoding"},
      {std::string("\0<\0s", 4), "error unsupported-encoding"},
      {std::string("<\0s\0", 4), "error unsupported-encoding"},
      {"<?xml version='1.0' encoding='latin1'?>", "error unsupported-encoding"},
      {"<?xml version='1.1'?>", "error not-well-formed"},
      {"<?xml version='1.0' junk?>", "error not-well-formed"},
      {"<?xml " + std::string(300, ' '), "error not-well-formed"},
      {"<?xml version='1.0'?><?xml version='1.0'?>", "error not-well-formed"},
      {"<?php ?>", "error restricted-xml"},
      {"<!DOCTYPE a>", "error restricted-xml"},
      {"<!-- a -->", "error restricted-xml"},
      {"</stream:stream>", "error not-well-formed"},
      {"<stream:stream xmlns:stream='http://etherx.jabber.org/stream'>", "error invalid-namespace"},
      {"<stream xmlns='jabber:client'>", "error invalid-namespace"},
      {"<stream:stream xmlns='jabber:client'>", "error bad-namespace-prefix"},
      {"<stream:features " + ns, "error bad-format"},
      {"<stream:stream " + ns.substr(0, ns.size() - 1) + "/>", "error bad-format"},
      {"<stream:stream xmlns:p='' " + ns, "error invalid-namespace"},
      {"<stream:stream to='a' to='b' " + ns, "error not-well-formed"},
      {"<stream:stream " + std::string(11'000, ' '), "error policy-violation"},
  };
  for (const Case& one : cases) {
    StreamLimits limits = StreamLimits::before_login();
    const std::string whole = verdict(one.bytes, one.bytes.size(), limits);
    EXPECT_TRUE(whole.starts_with(one.said)) << one.bytes << "\n" << whole;
    EXPECT_EQ(verdict(one.bytes, 1, limits), whole) << one.bytes;
  }
}

// RFC 6120 §4.8.3, §4.8.5: other prefixes, and none.
TEST(StreamParser, ReadsStreamsWithOtherPrefixes) {
  EXPECT_EQ(open("<s:stream xmlns='jabber:client' xmlns:s='http://etherx.jabber.org/streams'>"
                 "<iq/></s:stream>"),
            "open\n" + accepted("iq", "<iq/>") + "close\n");
  EXPECT_EQ(open("<stream xmlns='http://etherx.jabber.org/streams'><error/>"
                 "<iq xmlns='jabber:client'/></stream>"),
            "open\n" + accepted("error", "<error/>", "http://etherx.jabber.org/streams") +
                accepted("iq", "<iq xmlns='jabber:client'/>") + "close\n");
  EXPECT_EQ(open("<stream:stream xmlns='jabber:client' xmlns:s='http://etherx.jabber.org/streams' "
                 "xmlns:stream='http://etherx.jabber.org/streams'></s:stream>"),
            "open\nerror not-well-formed: end tag does not match\n");
}

TEST(StreamParser, WritesThePrefixesOfTheHeaderIntoTheElementsThatUseThem) {
  EXPECT_EQ(say("<stream:features><a xmlns='u'/></stream:features>"),
            accepted("features",
                     "<stream:features xmlns:stream='http://etherx.jabber.org/streams'>"
                     "<a xmlns='u'/></stream:features>",
                     "http://etherx.jabber.org/streams"));
  EXPECT_EQ(
      open("<stream:stream xmlns='jabber:server' xmlns:db='jabber:server:dialback' "
           "xmlns:stream='http://etherx.jabber.org/streams'><db:result>x</db:result>"
           "<message><b db:a='1'/></message>"),
      "open\n" +
          accepted("result", "<db:result xmlns:db='jabber:server:dialback'>x</db:result>",
                   "jabber:server:dialback") +
          accepted("message", "<message xmlns:db='jabber:server:dialback'><b db:a='1'/></message>",
                   "jabber:server"));
  // An element that binds the prefix itself needs nothing.
  EXPECT_EQ(say("<stream:a xmlns:stream='u'/>"),
            accepted("a", "<stream:a xmlns:stream='u'/>", "u"));
}

// Hardening X1, X2.
TEST(StreamParser, RefusesDtdsCommentsAndInstructionsAtAnyDepth) {
  for (const std::string_view markup : {"<!DOCTYPE a [<!ENTITY b 'c'>]>", "<!ENTITY a 'b'>",
                                        "<!-- c -->", "<?a b?>", "<?xml version='1.0'?>", "<!--"}) {
    for (const std::string_view before : {"", "<iq>", "<iq><a>", "<iq>text"}) {
      EXPECT_TRUE(
          say(std::string(before) + std::string(markup)).starts_with("error restricted-xml"))
          << before << markup;
    }
  }
}

// Hardening X3, X5.
TEST(StreamParser, AcceptsFiveEntitiesAndCharacterReferencesOnly) {
  for (const std::string reference :
       {"&amp;", "&lt;", "&gt;", "&quot;", "&apos;", "&#65;", "&#x41;", "&#x1F600;", "&#9;",
        "&#xd;", "&#00000065;", "&#x10FFFF;", "&#xD7FF;", "&#xE000;", "&#xFFFD;"}) {
    const std::string in_text = "<m>" + reference + "</m>";
    EXPECT_EQ(say(in_text), accepted("m", in_text));
    const std::string in_value = "<m a='" + reference + "'/>";
    EXPECT_EQ(say(in_value), accepted("m", in_value));
  }
  for (const std::string reference : {"&",
                                      "& ",
                                      "&;",
                                      "&a;",
                                      "&ampx;",
                                      "&amp",
                                      "&AMP;",
                                      "&nbsp;",
                                      "&#;",
                                      "&#x;",
                                      "&#X41;",
                                      "&#0;",
                                      "&#x0;",
                                      "&#1;",
                                      "&#31;",
                                      "&#xD800;",
                                      "&#xDFFF;",
                                      "&#xFFFE;",
                                      "&#xFFFF;",
                                      "&#x110000;",
                                      "&#4294967361;",
                                      "&#000000065;",
                                      "&#x100000041;",
                                      "&#junk#65;",
                                      "&#-1;",
                                      "&# 65;",
                                      "&#x4g;",
                                      "&lol1;"}) {
    EXPECT_TRUE(say("<m>" + reference + "</m>").starts_with("error not-well-formed")) << reference;
    EXPECT_TRUE(say("<m a='" + reference + "'/>").starts_with("error not-well-formed"))
        << reference;
  }
}

// Hardening X4: a lead byte must not swallow markup, and every pair of bytes is judged by RFC 3629.
TEST(StreamParser, RefusesInvalidUtf8) {
  for (const std::string bad :
       {"\xc0\x80", "\xc1\xbf", "\xe0\x80\x80", "\xed\xa0\x80", "\xf0\x80\x80\x80",
        "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\x80", "\xff", "\xef\xbf\xbe", "\xef\xbf\xbf",
        "\xc3", "\xe2\x82", "\xf0\x9f\x98"}) {
    for (const auto& [before, after] :
         std::vector<std::pair<std::string, std::string>>{{"<m>", "</m>"},
                                                          {"<m a='", "'/>"},
                                                          {"<m a=\"", "\"/>"},
                                                          {"<m><![CDATA[", "]]></m>"},
                                                          {"<m", ">"},
                                                          {"<m>&", ";"},
                                                          {"", "<m/>"}}) {
      EXPECT_TRUE(say(before + bad + after).starts_with("error not-well-formed"))
          << before << bad << after;
    }
  }
  for (unsigned c = 0; c < 0x20; ++c) {
    if (c == '\t' || c == '\n' || c == '\r') continue;
    EXPECT_TRUE(
        say("<m>" + std::string(1, static_cast<char>(c)) + "</m>").starts_with("error not-well"));
    EXPECT_TRUE(
        say("<m a='" + std::string(1, static_cast<char>(c)) + "'/>").starts_with("error not-well"));
  }
  const std::string good = "<m a='\xc3\xa9\xf0\x9f\x98\x80'>\xe2\x82\xac\x7f\xc2\x85</m>";
  EXPECT_EQ(say(good), accepted("m", good));
}

// Hardening X6.
TEST(StreamParser, ResolvesPrefixes) {
  expect_all({
      {"<a:m/>", "error bad-namespace-prefix"},
      {"<m><a:b/></m>", "error bad-namespace-prefix"},
      {"<m a:b='1'/>", "error bad-namespace-prefix"},
      {"<m><b xmlns:a='u'/><a:c/></m>", "error bad-namespace-prefix"},
      {"<xmlns:m/>", "error bad-namespace-prefix"},
      {"<c:message xmlns:c='jabber:client'/>", "error bad-namespace-prefix"},
      {"<m xmlns='jabber:cli&#101;nt'/>", "error invalid-namespace"},
      {"<m xmlns:xmlns='u'/>", "error invalid-namespace"},
      {"<m xmlns:xml='u'/>", "error invalid-namespace"},
      {"<m xmlns:a='http://www.w3.org/2000/xmlns/'/>", "error invalid-namespace"},
      {"<m xmlns:a='http://www.w3.org/XML/1998/namespace'/>", "error invalid-namespace"},
      {"<m xmlns='http://www.w3.org/2000/xmlns/'/>", "error invalid-namespace"},
      {"<m xmlns:a=''/>", "error invalid-namespace"},
      {"<m a='1' a='2'/>", "error not-well-formed: attribute twice"},
      {"<m xmlns='u' xmlns='u'/>", "error not-well-formed: attribute twice"},
      {"<m xmlns:a='u' xmlns:b='u' a:x='1' b:x='2'/>", "error not-well-formed: attribute twice"},
      {"<m><n xmlns:a='u&amp;' xmlns:b='u&#38;' a:x='1' b:x='2'/></m>",
       "error not-well-formed: attribute twice"},
      {"<m xmlns:xml='http://www.w3.org/XML/1998/namespace' xml:lang='en'/>",
       "element jabber:client m"},
      {"<a:m xmlns:a='u'><a:b xmlns:a='v' a:c=''/></a:m>", "element u m"},
      {"<m xmlns='v'><n xmlns=''/></m>", "element v m"},
      {"<m xmlns=''/>", "element  m"},
      {"<m xml:lang='en'/>", "element jabber:client m"},
      {"<m xmlns:a='u' a:x='1' x='2'/>", "element jabber:client m"},
  });
}

TEST(StreamParser, RefusesMalformedTags) {
  expect_all({
      {"< m/>", "error not-well-formed"},
      {"<1/>", "error not-well-formed"},
      {"<-m/>", "error not-well-formed"},
      {"<:m/>", "error not-well-formed"},
      {"<m:/>", "error not-well-formed"},
      {"<a:b:c/>", "error not-well-formed"},
      {"<a:1/>", "error not-well-formed"},
      {"<m a/>", "error not-well-formed"},
      {"<m a=b/>", "error not-well-formed"},
      {"<m a='1'b='2'/>", "error not-well-formed"},
      {"<m a='<'/>", "error not-well-formed"},
      {"<m / >", "error not-well-formed"},
      {"<m/a>", "error not-well-formed"},
      {"<m 'a'/>", "error not-well-formed"},
      {"<m<n/>", "error not-well-formed"},
      {"<!>", "error not-well-formed"},
      {"<m><![CDAT[", "error not-well-formed"},
      {"<m>]]></m>", "error not-well-formed"},
      {"<m&amp;/>", "error not-well-formed"},
      {"<m\xc3\xa9/>", "error bad-format"},
      {"<m \xc3\xa9=''/>", "error bad-format"},
      {"<m a='>' b=\"'\" c='\"'/>", "element jabber:client m"},
      {"<m\n\ta = '1'\r\n b\t=\n'2' ></m\n>", "element jabber:client m"},
      {"<m>]] > ]>a]]</m>", "element jabber:client m"},
      {"<m><![CDATA[<&>]]]]><![CDATA[>]]></m>", "element jabber:client m"},
      {"<_m.-9/>", "element jabber:client _m.-9"},
  });
}

// Hardening X11.
TEST(StreamParser, RefusesJunkInEndTagsAndAfterTheEnd) {
  expect_all({
      {"<m></n>", "error not-well-formed"},
      {"<m></m x>", "error not-well-formed"},
      {"<m></m a='1'>", "error not-well-formed"},
      {"<m></mm>", "error not-well-formed"},
      {"<m></ m>", "error not-well-formed"},
      {"<m><n></m></n>", "error not-well-formed"},
      {"</m>", "error not-well-formed"},
      {"</stream:streams>", "error not-well-formed"},
      {"</stream:stream><m/>", "close\nerror not-well-formed"},
      {"</stream:stream>x", "close\nerror not-well-formed"},
      {"text", "error bad-format"},
      {"&amp;", "error bad-format"},
      {"<![CDATA[x]]>", "error bad-format"},
  });
}

// XML 1.0 §2.11, §3.3.3; hardening X12.
TEST(StreamParser, NormalisesLineEndsAndWhiteSpaceInValues) {
  EXPECT_EQ(say("<m a='1\r\n2\t3\n4\r5'>a\r\nb\rc\n\rd<![CDATA[\r\n]]></m>"),
            accepted("m", "<m a='1 2 3 4 5'>a\nb\nc\n\nd<![CDATA[\n]]></m>"));
  EXPECT_EQ(say("<m xmlns='u:u' a='\t'/>"), accepted("m", "<m xmlns='u:u' a=' '/>", "u:u"));
  EXPECT_EQ(say("<m a='&#13;&#10;'>&#13;\n</m>"), accepted("m", "<m a='&#13;&#10;'>&#13;\n</m>"));
}

TEST(StreamParser, StartsOverForAStreamRestart) {
  StreamParser parser;
  const std::string bytes = std::string(client_header) + "<a/>";
  std::string_view input = bytes;
  ASSERT_EQ(parser.next(input), Event::stream_open);
  ASSERT_EQ(parser.next(input), Event::element);
  parser.reset();
  parser.set_limits(StreamLimits::after_login());
  input = client_header;
  EXPECT_EQ(parser.next(input), Event::stream_open);
  input = "<a";
  EXPECT_EQ(parser.next(input), Event::need_more);
  parser.reset();
  EXPECT_FALSE(parser.has_partial());
  input = "<a/>";
  EXPECT_EQ(parser.next(input), Event::error);
  parser.reset();
  input = client_header;
  EXPECT_EQ(parser.next(input), Event::stream_open);
}

TEST(StreamParser, GivesTheSameVerdictForEverySlicing) {
  const std::string bytes =
      std::string(client_header) +
      "<m to='a@b' id=\"1\"><body>caf\xc3\xa9 &lt;&#x1F600; ]] </body><x xmlns='u' xmlns:p='v' "
      "p:a='1'><p:b><![CDATA[ ]] ]]]></p:b></x></m> <stream:error><a xmlns='q'/></stream:error>"
      "<m a='\t\r\n'/></stream:stream>";
  const std::string whole = verdict(bytes, bytes.size());
  EXPECT_TRUE(whole.ends_with("close\n")) << whole;
  for (std::size_t slice = 1; slice < bytes.size(); ++slice) {
    ASSERT_EQ(verdict(bytes, slice), whole) << slice;
  }
}

}  // namespace
}  // namespace xmpp
