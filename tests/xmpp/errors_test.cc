#include <gtest/gtest.h>

#include <set>
#include <string>

#include "xmpp/stanza_error.h"
#include "xmpp/stream_error.h"

namespace xmpp {
namespace {

// RFC 6120 §4.9.3.
TEST(StreamError, HasANameForEachConditionAndFindsItAgain) {
  std::set<std::string_view> names;
  for (int i = 0; i <= static_cast<int>(StreamErrorCondition::unsupported_version); ++i) {
    const auto condition = static_cast<StreamErrorCondition>(i);
    names.insert(name(condition));
    EXPECT_EQ(stream_error_condition(name(condition)), condition);
  }
  EXPECT_EQ(names.size(), 25u);
  EXPECT_EQ(stream_error_condition("new-one"), StreamErrorCondition::undefined_condition);
}

TEST(StreamError, IsWrittenWithItsTextAndApplicationElement) {
  EXPECT_EQ(stream_error_xml(StreamErrorCondition::not_well_formed),
            "<stream:error><not-well-formed xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>"
            "</stream:error>");
  EXPECT_EQ(stream_error_xml(StreamErrorCondition::policy_violation, "a<b",
                             "<stanza-too-big xmlns='urn:xmpp:errors'/>"),
            "<stream:error><policy-violation xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>"
            "<text xmlns='urn:ietf:params:xml:ns:xmpp-streams' xml:lang='en'>a&lt;b</text>"
            "<stanza-too-big xmlns='urn:xmpp:errors'/></stream:error>");
  EXPECT_EQ(stream_error_xml(StreamErrorCondition::see_other_host, {}, {}, "[::1]:5222"),
            "<stream:error><see-other-host xmlns='urn:ietf:params:xml:ns:xmpp-streams'>[::1]:5222"
            "</see-other-host></stream:error>");
}

// RFC 6120 §8.3.3.
TEST(StanzaError, HasANameForEachConditionAndFindsItAgain) {
  std::set<std::string_view> names;
  for (int i = 0; i <= static_cast<int>(StanzaErrorCondition::unexpected_request); ++i) {
    const auto condition = static_cast<StanzaErrorCondition>(i);
    names.insert(name(condition));
    EXPECT_EQ(stanza_error_condition(name(condition)), condition);
  }
  EXPECT_EQ(names.size(), 22u);
  EXPECT_EQ(name(default_type(StanzaErrorCondition::item_not_found)), "cancel");
  EXPECT_EQ(name(default_type(StanzaErrorCondition::bad_request)), "modify");
  EXPECT_EQ(name(default_type(StanzaErrorCondition::resource_constraint)), "wait");
  EXPECT_EQ(name(default_type(StanzaErrorCondition::forbidden)), "auth");
  EXPECT_EQ(name(ErrorType::continue_), "continue");
}

}  // namespace
}  // namespace xmpp
