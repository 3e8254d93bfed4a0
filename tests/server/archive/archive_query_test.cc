#include "server/archive/archive_query.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "server/archive/archive_answer.h"
#include "xmpp/namespaces.h"

namespace server {
namespace {

using Condition = xmpp::StanzaErrorCondition;

constexpr MessageId one{0x10, 0x11}, two{0x20, 0x21};
const std::string one_text = "00000000000000100000000000000011";
const std::string two_text = "00000000000000200000000000000021";

std::string field(const std::string& name, const std::vector<std::string>& values) {
  std::string text = "<field var='" + name + "'>";
  for (const std::string& value : values) text += "<value>" + value + "</value>";
  return text + "</field>";
}

std::string form(const std::string& fields, const std::string& type = "submit") {
  return "<x xmlns='jabber:x:data' type='" + type + "'>" + field("FORM_TYPE", {"urn:xmpp:mam:2"}) +
         fields + "</x>";
}

std::string set(const std::string& content) {
  return "<set xmlns='http://jabber.org/protocol/rsm'>" + content + "</set>";
}

std::variant<ArchiveQuery, Condition> parse(const std::string& content,
                                            const std::string& attributes = "") {
  const auto query = xmpp::Stanza::parse("<query xmlns='urn:xmpp:mam:2' " + attributes + ">" +
                                         content + "</query>");
  return parse_archive_query(query->root(), {.page_max = 70, .ids_max = 2});
}

ArchiveQuery query(const std::string& content, const std::string& attributes = "") {
  const auto parsed = parse(content, attributes);
  if (const auto* refusal = std::get_if<Condition>(&parsed)) {
    ADD_FAILURE() << content << ": " << xmpp::name(*refusal);
    return {};
  }
  return std::get<ArchiveQuery>(parsed);
}

std::string refusal(const std::string& content, const std::string& attributes = "") {
  const auto parsed = parse(content, attributes);
  const auto* condition = std::get_if<Condition>(&parsed);
  return condition == nullptr ? "none" : std::string(xmpp::name(*condition));
}

// XEP-0313 §4.1
TEST(ArchiveQuery, IsForAllOfTheArchiveFromItsBeginningWhenItSaysNothing) {
  for (const std::string& content : {std::string(), form("")}) {
    const ArchiveQuery all = query(content, "queryid='q'");
    EXPECT_EQ(all.id, "q");
    EXPECT_FALSE(all.range.contact);
    EXPECT_EQ(all.range.first, 0U);
    EXPECT_EQ(all.page.messages_max, 70U);
    EXPECT_FALSE(all.page.from_end);
    EXPECT_FALSE(all.is_flipped);
  }
}

TEST(ArchiveQuery, ReadsEachFieldOfTheForm) {
  const ArchiveRange range =
      query(form(field("with", {"Juliet@localhost/balcony"}) +
                 field("start", {"1970-01-01T00:00:01Z"}) + field("end", {"1970-01-01T00:00:02Z"}) +
                 field("after-id", {one_text}) + field("before-id", {two_text})))
          .range;
  EXPECT_EQ(range.contact->str(), "juliet@localhost/balcony");
  EXPECT_EQ(range.first, 1'000'000U);
  EXPECT_EQ(range.last, 2'000'000U);
  EXPECT_EQ(range.after, one);
  EXPECT_EQ(range.before, two);
  EXPECT_EQ(query(form(field("ids", {one_text, two_text}))).range.ids, (std::vector{one, two}));
  EXPECT_FALSE(query(form(field("with", {""}) + field("start", {}))).range.contact);
}

// XEP-0059 §2, XEP-0313 §4.4
TEST(ArchiveQuery, ReadsThePage) {
  EXPECT_EQ(query(set("<max>10</max>")).page.messages_max, 10U);
  EXPECT_EQ(query(set("<max>0</max>")).page.messages_max, 0U);
  EXPECT_EQ(query(set("<max>4294967295</max>")).page.messages_max, 70U);
  const ArchiveQuery next = query(set("<after>" + one_text + "</after>") + "<flip-page/>");
  EXPECT_EQ(next.range.page_after, one);
  EXPECT_FALSE(next.page.from_end);
  EXPECT_TRUE(next.is_flipped);
  const ArchiveQuery last = query(set("<before/>"));
  EXPECT_TRUE(last.page.from_end);
  EXPECT_FALSE(last.range.page_before);
  const ArchiveQuery before = query(set("<before>" + two_text + "</before>"));
  EXPECT_TRUE(before.page.from_end);
  EXPECT_EQ(before.range.page_before, two);
}

// hardening S8, S9, Q1
TEST(ArchiveQuery, IsRefusedByWhatIsWrongWithIt) {
  EXPECT_EQ(refusal("", "node='urn:example:node'"), "item-not-found");
  EXPECT_EQ(refusal(form("", "form")), "bad-request");
  EXPECT_EQ(refusal("<x xmlns='jabber:x:data' type='submit'/>"), "bad-request");
  EXPECT_EQ(
      refusal("<x xmlns='jabber:x:data' type='submit'>" + field("FORM_TYPE", {"other"}) + "</x>"),
      "bad-request");
  EXPECT_EQ(refusal(form(field("include-groupchat", {"true"}))), "feature-not-implemented");
  EXPECT_EQ(refusal(form(field("start", {"yesterday"}))), "bad-request");
  EXPECT_EQ(refusal(form(field("end", {"-001-01-01T00:00:00Z"}))), "bad-request");
  EXPECT_EQ(refusal(form(field("with", {"@"}))), "jid-malformed");
  EXPECT_EQ(refusal(form(field("with", {"a@b", "c@d"}))), "bad-request");
  EXPECT_EQ(refusal(form(field("start", {}) + field("start", {}))), "bad-request");
  EXPECT_EQ(refusal(form(field("ids", {}))), "bad-request");
  EXPECT_EQ(refusal(form(field("ids", {one_text, two_text, one_text}))), "resource-constraint");
  EXPECT_EQ(refusal(set("<max>many</max>")), "bad-request");
  EXPECT_EQ(refusal(set("<max>-1</max>")), "bad-request");
  EXPECT_EQ(refusal(set("<index>3</index>")), "feature-not-implemented");
  for (const std::string& id :
       {std::string("unknown"), std::string("' OR 1=1"), std::string(32, '0'),
        std::string("0000000000000010000000000000001G"),
        std::string("00000000000000AB00000000000000CD"), one_text + "0"}) {
    EXPECT_EQ(refusal(form(field("after-id", {id}))), "item-not-found") << id;
    EXPECT_EQ(refusal(form(field("before-id", {id}))), "item-not-found") << id;
    EXPECT_EQ(refusal(form(field("ids", {id}))), "item-not-found") << id;
    EXPECT_EQ(refusal(set("<after>" + id + "</after>")), "item-not-found") << id;
    EXPECT_EQ(refusal(set("<before>" + id + "</before>")), "item-not-found") << id;
  }
}

// XEP-0313 §4.2
TEST(ArchiveResult, HoldsTheMessageAsItWasWithItsTimeAndId) {
  const auto juliet = xmpp::Jid::parse("juliet@localhost/balcony");
  const auto result = archive_result(
      *juliet, "q'1",
      {one,
       "<message from='romeo@localhost/orchard' to='juliet@localhost'><body>hi</body>"
       "</message>"});
  ASSERT_TRUE(result);
  EXPECT_EQ(result->xml,
            "<message from='juliet@localhost' to='juliet@localhost/balcony'>"
            "<result xmlns='urn:xmpp:mam:2' queryid='q&apos;1' id='" +
                one_text +
                "'><forwarded xmlns='urn:xmpp:forward:0'><delay xmlns='urn:xmpp:delay'"
                " stamp='1970-01-01T00:00:00.000016Z'/>"
                "<message from='romeo@localhost/orchard' to='juliet@localhost'"
                " xmlns='jabber:client'><body>hi</body></message></forwarded></result>"
                "</message>")
      << result->xml.view();
}

// hardening X15
TEST(ArchiveResult, IsNoneOfWhatIsNoMessageAnyMore) {
  const auto juliet = xmpp::Jid::parse("juliet@localhost/balcony");
  for (const char* stored : {"", "<message>", "<presence/>", "<!DOCTYPE x>", "<message/><message/>",
                             "<message>\xff</message>"}) {
    EXPECT_FALSE(archive_result(*juliet, "", {one, stored})) << stored;
  }
}

}  // namespace
}  // namespace server
