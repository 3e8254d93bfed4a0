#include "xmpp/jid.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <unordered_set>
#include <vector>

namespace xmpp {
namespace {

std::string prepared(std::string_view text) {
  const Result<Jid> jid = Jid::parse(text);
  return jid.has_value() ? std::string(jid->str()) : "refused: " + jid.error().message();
}

// RFC 7622 §3.2.
TEST(Jid, TakesTheResourceFirstAndThenTheLocalpart) {
  const Jid jid = Jid::parse("romeo@localhost/or@ch/ard").value();
  EXPECT_EQ(jid.local(), "romeo");
  EXPECT_EQ(jid.domain(), "localhost");
  EXPECT_EQ(jid.resource(), "or@ch/ard");
  EXPECT_EQ(jid.bare_str(), "romeo@localhost");
  EXPECT_TRUE(jid.is_full());
  EXPECT_TRUE(jid.bare().is_bare());
  EXPECT_EQ(jid.bare().str(), "romeo@localhost");
}

TEST(Jid, ReadsADomainAlone) {
  const Jid jid = Jid::parse("example.net").value();
  EXPECT_FALSE(jid.has_local());
  EXPECT_EQ(jid.local(), "");
  EXPECT_EQ(jid.domain(), "example.net");
  EXPECT_EQ(jid.resource(), "");
  EXPECT_EQ(Jid::parse("example.net/a").value().resource(), "a");
  EXPECT_TRUE(Jid().is_empty());
}

// RFC 7622 §3.5, hardening S13.
TEST(Jid, RefusesWhatIsNoJid) {
  for (const std::string_view text : {"",
                                      "@",
                                      "/",
                                      "@localhost",
                                      "a@",
                                      "a@/b",
                                      "a@localhost/",
                                      "localhost/",
                                      "/b",
                                      "a@b@c",
                                      "a b@localhost",
                                      " a@localhost",
                                      "a@local host",
                                      "a\"b@localhost",
                                      "a&b@localhost",
                                      "a'b@localhost",
                                      "a:b@localhost",
                                      "a<b@localhost",
                                      "a>b@localhost",
                                      "a\x7f@localhost",
                                      "a\tb@localhost",
                                      "a@localhost/b\n",
                                      "a@-b",
                                      "a@b-",
                                      "a@b..c",
                                      "a@.b",
                                      "a@b_c",
                                      "a@[::1",
                                      "a@[]",
                                      "a@[::g]",
                                      "a@xn--a",
                                      "a@xn--zzzzzzzzzzz99999999",
                                      "a@b,c",
                                      "a@\xe2\x80\xae"
                                      "b",
                                      "a\xe2\x81\xa0@",
                                      "\xc2\xa0@localhost"}) {
    EXPECT_TRUE(Jid::parse(text).has_error()) << text;
  }
  EXPECT_EQ(Jid::parse("a\xff@localhost").error(), Errc::bad_utf8);
  EXPECT_EQ(Jid::parse("a\xc0\x80@localhost").error(), Errc::bad_utf8);
  EXPECT_EQ(Jid::parse("a@localhost/\xed\xa0\x80").error(), Errc::bad_utf8);
  EXPECT_EQ(Jid::parse(std::string_view("a\0b@localhost", 13)).error(), Errc::jid_malformed);
}

// Hardening S13: each part 1 to 1,023 bytes after preparation, refused and never cut.
TEST(Jid, HoldsPartsOf1023BytesAndRefusesOneMore) {
  const std::string most(1023, 'a'), more(1024, 'a');
  EXPECT_EQ(Jid::make(most, "localhost", most)->str().size(), 1023u + 1 + 9 + 1 + 1023);
  EXPECT_EQ(Jid::make(more, "localhost").error(), Errc::jid_part_too_long);
  EXPECT_EQ(Jid::make("a", "localhost", more).error(), Errc::jid_part_too_long);
  // U+0130 grows from two bytes to three when Nodeprep folds it.
  std::string growing;
  for (int i = 0; i < 400; ++i) growing += "\xc4\xb0";
  EXPECT_EQ(Jid::make(growing, "localhost").error(), Errc::jid_part_too_long);
  // U+FF21, a wide A, shrinks from three bytes to one.
  std::string shrinking;
  for (int i = 0; i < 1000; ++i) shrinking += "\xef\xbc\xa1";
  EXPECT_EQ(Jid::make(shrinking, "localhost")->local(), std::string(1000, 'a'));
  std::string labels;
  for (int i = 0; i < 16; ++i) labels += std::string(62, 'b') + ".";
  EXPECT_TRUE(Jid::make("a", labels + "c").has_value());
  EXPECT_TRUE(Jid::make("a", std::string(64, 'b')).has_error());
}

// Hardening S13 and P9: pairs that are one address, and pairs that are two.
TEST(Jid, PreparesWhatIsOneAddressToOneForm) {
  const std::vector<std::pair<std::string_view, std::string_view>> same = {
      {"ROMEO@LOCALHOST/Orchard", "romeo@localhost/Orchard"},
      {"a@Example.NET.", "a@example.net"},
      {"stra\xc3\x9f"
       "e@localhost",
       "strasse@localhost"},
      {"\xc3\x89va@localhost", "\xc3\xa9va@localhost"},
      {"e\xcc\x81va@localhost", "\xc3\xa9va@localhost"},
      {"\xef\xbc\xa1@localhost", "a@localhost"},
      {"a@B\xc3\x9c"
       "CHER.example",
       "a@b\xc3\xbc"
       "cher.example"},
      {"a@xn--bcher-kva.example",
       "a@b\xc3\xbc"
       "cher.example"},
      {"a@XN--BCHER-KVA.example",
       "a@b\xc3\xbc"
       "cher.example"},
      {"a@b\xe3\x80\x82"
       "c",
       "a@b.c"},
      {"a@[0:0::1]", "a@[::1]"},
      {"a@localhost/\xef\xac\x81", "a@localhost/fi"},
      {"a@localhost/e\xcc\x81", "a@localhost/\xc3\xa9"},
  };
  for (const auto& [one, other] : same) {
    EXPECT_EQ(prepared(one), other);
    EXPECT_EQ(prepared(prepared(one)), prepared(one)) << "preparing twice changes it";
  }
  EXPECT_NE(prepared("a@localhost/B"), prepared("a@localhost/b"));
  EXPECT_NE(prepared("jos\xc3\xa9@localhost"), prepared("jose@localhost"));
  EXPECT_NE(prepared("\xc4\xb1@localhost"), prepared("i@localhost"));
  EXPECT_EQ(prepared("a@localhost/\xf0\x9f\x98\x80"), "a@localhost/\xf0\x9f\x98\x80");
  EXPECT_EQ(prepared("a@localhost/two words"), "a@localhost/two words");
}

// parse() takes a plain JID by a way of its own; make() knows the long one alone.
TEST(Jid, IsTheSameByTheShortWayAndByTheLong) {
  std::mt19937 random(7);
  const std::vector<std::string> pieces = {"a",        "Z",  "0", "-", ".", "xn--", "_",  "'",
                                           "&",        "\\", "~", " ", ":", "\x7f", "\t", "[",
                                           "\xc3\xa9", "<",  "%", "+", "a", "b",    "c",  "d"};
  const auto part = [&](std::size_t longest) {
    std::string text;
    for (std::size_t size = random() % (longest + 1); size > 0; --size) {
      text += pieces[random() % pieces.size()];
    }
    return text;
  };
  int accepted = 0;
  for (int round = 0; round < 20'000; ++round) {
    const std::string local = part(4), domain = part(5), resource = part(4);
    std::string text = local.empty() ? domain : local + "@" + domain;
    if (!resource.empty()) text += "/" + resource;
    const Result<Jid> parsed = Jid::parse(text), made = Jid::make(local, domain, resource);
    ASSERT_EQ(parsed.has_value(), made.has_value()) << text;
    if (!parsed.has_value()) continue;
    ++accepted;
    EXPECT_EQ(*parsed, *made);
    EXPECT_EQ(parsed->local(), made->local()) << text;
    EXPECT_EQ(parsed->domain(), made->domain()) << text;
    EXPECT_EQ(parsed->resource(), made->resource()) << text;
  }
  EXPECT_GT(accepted, 500);
}

TEST(Jid, ReplacesItsResource) {
  const Jid jid = Jid::parse("romeo@localhost/a").value();
  EXPECT_EQ(jid.with_resource("balcony")->str(), "romeo@localhost/balcony");
  EXPECT_TRUE(jid.with_resource("").has_error());
  EXPECT_TRUE(jid.with_resource("\x01").has_error());
}

TEST(Jid, ComparesAndHashesByItsText) {
  const Jid a = Jid::parse("A@localhost").value(), b = Jid::parse("a@LOCALHOST").value();
  EXPECT_EQ(a, b);
  EXPECT_LT(a, Jid::parse("b@localhost").value());
  EXPECT_EQ(std::unordered_set<Jid>({a, b}).size(), 1u);
}

}  // namespace
}  // namespace xmpp
