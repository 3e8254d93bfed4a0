#include "xmpp/stanza_head.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "tests/xmpp/stream_text.h"
#include "xmpp/stanza.h"
#include "xmpp/stream_parser.h"

namespace xmpp {
namespace {

struct Read {
  std::shared_ptr<const std::string> element;
  StanzaHead head;  // Of `element`.
  bool is_accepted = false;
};

/// One element in a stream whose header is `header`, cut in slices of `slice` bytes.
Read read(std::string_view bytes, std::string_view header = testing::client_header,
          std::size_t slice = 1 << 16) {
  StreamParser parser(StreamLimits::after_login());
  std::string_view opening = header;
  EXPECT_EQ(parser.next(opening), StreamParser::Event::stream_open);
  while (!bytes.empty()) {
    std::string_view part = bytes.substr(0, slice);
    bytes.remove_prefix(part.size());
    StanzaHead head;
    if (parser.next(part, head) != StreamParser::Event::element) continue;
    Read result{std::make_shared<const std::string>(parser.element()), head, true};
    const auto copied = [&](std::string_view& view) {
      if (view.empty()) return;
      const auto at = static_cast<std::size_t>(view.data() - parser.element().data());
      view = std::string_view(*result.element).substr(at, view.size());
    };
    for (auto* view : {&result.head.type, &result.head.from, &result.head.to}) copied(*view);
    return result;
  }
  return {};
}

TEST(StanzaHead, SaysWhatTheStartTagSays) {
  const Read got = read(
      "<message xml:lang=\"en\"  to='d@e/f' id=\"1\" type='chat' other='x'><body to='no'/>"
      "</message>");
  ASSERT_TRUE(got.is_accepted);
  EXPECT_EQ(got.head.kind, StanzaKind::message);
  EXPECT_EQ(got.head.to, "d@e/f");
  EXPECT_EQ(got.head.from, "");
  EXPECT_EQ(got.head.type, "chat");
}

TEST(StanzaHead, IsOnlyThereForAStanzaWhoseBytesStandAloneAndNeedNoDecoding) {
  EXPECT_EQ(read("<iq id='1'/>").head.kind, StanzaKind::iq);
  EXPECT_EQ(read("<presence/>").head.kind, StanzaKind::presence);
  EXPECT_EQ(read("<message xmlns='jabber:client'/>").head.kind, StanzaKind::message);
  for (const std::string_view bytes : {
           "<auth/>",                                                 // No stanza.
           "<message xmlns='jabber:server'/>",                        // Not a client's.
           "<iq xmlns='urn:xmpp:sm:3'/>",                             // …
           "<message to='a&amp;b@c'/>",                               // A reference …
           "<message type='ch&#x61;t'/>",                             // …
           "<message from='a&apos;@b'/>",                             // …
           "<message><body>a\r\nb</body></message>",                  // Line ends.
           "<message other='a\tb'/>",                                 // White space in a value.
           "<message><stream:error/></message>",                      // A prefix of the stream.
           "<p:message xmlns:p='jabber:client' xmlns='urn:other'/>",  // …
       }) {
    EXPECT_EQ(read(bytes).head.kind, StanzaKind::other) << bytes;
  }
}

TEST(StanzaHead, ForwardsAllButTheAddressesByteForByte) {
  const std::string_view rest =
      "><body>a  &gt; b</body><![CDATA[ ]]><x xmlns=\"u\" y = '\"'></x ></message  >";
  const Read got =
      read("<message xml:lang=\"en\"\tfrom='a@b/c'  to='d@e' id = \"1\"  " +
           std::string("xmlns='jabber:client' xmlns:p='q' p:r='s' ") + std::string(rest));
  ASSERT_EQ(got.head.kind, StanzaKind::message);
  EXPECT_EQ(forwarded(*got.element, got.head, "it's@b/<\"&>", "d@e/f"),
            "<message from='it&apos;s@b/&lt;&quot;&amp;&gt;' to='d@e/f' xml:lang=\"en\"\t id = "
            "\"1\" xmlns:p='q' p:r='s' " +
                std::string(rest));
}

/// A stanza that nobody would write by hand, in the many ways that XML leaves open.
std::string random_stanza(std::mt19937& random) {
  const auto pick = [&](std::vector<std::string_view> of) {
    return std::string(of[random() % of.size()]);
  };
  const auto spaced = [&] { return pick({" ", " ", "  ", "\n", "\t ", " \r\n"}); };
  const auto quoted = [&](std::string value) {
    const std::string mark = pick({"'", "\""});
    return pick({"=", "=", " =", "= "}) + mark + value + mark;
  };
  std::vector<std::string> attributes;
  const auto maybe = [&](const std::string& attribute) {
    if (random() % 2 == 0) attributes.push_back(attribute);
  };
  maybe("to" + quoted(pick({"a@b", "a@b/c", "ab", "a&amp;b@c", "\xc3\xa9@b/\xf0\x9f\x98\x80"})));
  maybe("from" + quoted(pick({"x@y", "x@y/z", "x@y/&lt;"})));
  maybe("id" + quoted(pick({"1", "", "a b", "&quot;"})));
  maybe("type" + quoted(pick({"chat", "error", "set", "no such type", "&#99;hat"})));
  maybe("xml:lang" + quoted(pick({"en", "de-AT", ""})));
  maybe("xmlns" + quoted(pick({"jabber:client", "jabber:client", "jabber:server", "u"})));
  maybe("xmlns:p" + quoted(pick({"u", "jabber:client", "from"})));
  maybe("tofrom" + quoted("from=x to=y"));
  std::shuffle(attributes.begin(), attributes.end(), random);
  const std::string name = pick({"message", "message", "message", "presence", "iq", "auth"});
  std::string out = "<" + name;
  for (const std::string& attribute : attributes) out += spaced() + attribute;
  if (random() % 4 == 0) out += spaced();
  if (random() % 8 == 0) return out + "/>";
  out += ">";
  for (std::size_t count = random() % 4; count > 0; --count) {
    out +=
        pick({"<body>hi</body>", "<body from='no' to='no'/>", " ", "\n", "a&amp;b", "<![CDATA[<]]>",
              "<x xmlns='u'><y/></x>", "<x xmlns='u' xmlns:q='v'><q:y/></x>", "<message to='x'/>",
              "<stream:x/>", "<p:x xmlns:p='w'/>", "a\r\nb", "<body xml:lang='fr'>&#233;</body>"});
  }
  return out + "</" + name + pick({">", " >", "\n>"});
}

// Hardening X14: what goes on as bytes is what goes on as a tree, read back and printed alike.
TEST(StanzaHead, ForwardsTheStanzaThatTheTreeWouldHaveBeen) {
  std::mt19937 random(20261124);
  int forwarded_count = 0;
  for (int round = 0; round < 20'000; ++round) {
    const std::string bytes = random_stanza(random);
    const Read got = read(bytes, testing::client_header, 1 + random() % 40);
    if (!got.is_accepted || got.head.kind == StanzaKind::other) continue;
    ++forwarded_count;
    Result<Stanza> tree = Stanza::parse(*got.element);
    ASSERT_TRUE(tree) << bytes;
    EXPECT_EQ(tree->kind(), got.head.kind);
    EXPECT_EQ(tree->type(), got.head.type);
    EXPECT_EQ(tree->from(), got.head.from);
    EXPECT_EQ(tree->to(), got.head.to);
    const SharedText fast = forwarded(*got.element, got.head, "r@m/'o", "j@c/<b");
    const Result<Stanza> again = Stanza::parse(fast);
    ASSERT_TRUE(again) << bytes << "\n" << fast.view();
    // Attributes in one order on both sides: ours first.
    Stanza slow = tree->copy();
    Stanza read_back = again->copy();
    for (Stanza* stanza : {&slow, &read_back}) {
      stanza->set_from({});
      stanza->set_to({});
      stanza->set_from("r@m/'o");
      stanza->set_to("j@c/<b");
    }
    EXPECT_EQ(again->from(), "r@m/'o");
    EXPECT_EQ(again->to(), "j@c/<b");
    EXPECT_EQ(read_back.to_string(), slow.to_string()) << bytes << "\n" << fast.view();
  }
  EXPECT_GT(forwarded_count, 2'000);
}

}  // namespace
}  // namespace xmpp
