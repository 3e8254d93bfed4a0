#include "server/roster/roster.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace server {
namespace {

using Refusal = xmpp::StanzaErrorCondition;
using Request = SubscriptionRequest;

const RosterLimits limits;
constexpr const char* romeo = "romeo@localhost";

std::string asking(const std::string& text = "") {
  return "<presence type='subscribe' from='romeo@localhost'><status>" + text +
         "</status></presence>";
}

/// The roster as it comes back from where it is stored.
Roster stored(const Roster& roster) {
  auto parsed = Roster::parse(roster.to_string());
  EXPECT_TRUE(parsed) << roster.to_string();
  return parsed ? *parsed : Roster();
}

TEST(Roster, IsStoredWithAllThatItKnows) {
  Roster roster;
  roster.set(romeo, "Romeo <&\"> \U0001F600", {"Friends", "Verona"}, limits);
  roster.send(romeo, Request::subscribe, limits);
  roster.send("nurse@localhost", Request::subscribed, limits);
  roster.receive("tybalt@localhost", Request::subscribe, asking("me"), limits);
  const Roster again = stored(roster);
  EXPECT_EQ(again.items(), roster.items());
  EXPECT_EQ(again.version(), roster.version());
  roster.remove(romeo);
  EXPECT_FALSE(stored(roster).can_tell_since(again.version()));
}

TEST(Roster, TakesNoTextForOneThatIsNone) {
  for (const char* text :
       {"{", "[]", "{}", "{\"items\":1}", "{\"items\":[1]}", "{\"items\":[{\"name\":\"x\"}]}"}) {
    EXPECT_FALSE(Roster::parse(text)) << text;
  }
  ASSERT_TRUE(Roster::parse(""));
  EXPECT_EQ(Roster::parse("")->version(), 0U);
}

// RFC 6121 §2.3.3
TEST(RosterSet, RefusesWhatTheRfcSays) {
  Roster roster;
  const std::string long_name(limits.name_bytes_max + 1, 'x');
  const std::string longest(limits.name_bytes_max, 'x');
  std::vector<std::string> groups;
  while (groups.size() < limits.groups_max) groups.push_back("g" + std::to_string(groups.size()));
  EXPECT_FALSE(roster.set(romeo, longest, groups, limits).refusal);
  groups.push_back("one more");
  EXPECT_EQ(roster.set(romeo, "", groups, limits).refusal, Refusal::not_acceptable);
  EXPECT_EQ(roster.set(romeo, long_name, {}, limits).refusal, Refusal::not_acceptable);
  EXPECT_EQ(roster.set(romeo, "", {long_name}, limits).refusal, Refusal::not_acceptable);
  EXPECT_EQ(roster.set(romeo, "", {""}, limits).refusal, Refusal::not_acceptable);
  EXPECT_EQ(roster.set(romeo, "", {"a", "b", "a"}, limits).refusal, Refusal::bad_request);
  EXPECT_EQ(roster.find(romeo)->name, longest) << "a refused change was made";
}

TEST(RosterSet, KeepsTheSubscriptionOfAContactThatItRenames) {
  Roster roster;
  roster.send(romeo, Request::subscribe, limits);
  roster.receive(romeo, Request::subscribed, "", limits);
  const RosterChange change = roster.set(romeo, "R", {}, limits);
  ASSERT_TRUE(change.push);
  EXPECT_EQ(subscription_name(change.push->subscription), "to");
  EXPECT_EQ(change.push->name, "R");
}

// Hardening, limits: items.
TEST(RosterLimits, EndAtTheLastItemForSettingAskingAndGranting) {
  RosterLimits small;
  small.items_max = 2;
  small.requests_max = 1;
  Roster roster;
  EXPECT_FALSE(roster.set("a@localhost", "", {}, small).refusal);
  EXPECT_FALSE(roster.send("b@localhost", Request::subscribe, small).refusal);
  EXPECT_EQ(roster.set("c@localhost", "", {}, small).refusal, Refusal::resource_constraint);
  EXPECT_EQ(roster.send("c@localhost", Request::subscribe, small).refusal,
            Refusal::resource_constraint);
  EXPECT_EQ(roster.send("c@localhost", Request::subscribed, small).refusal,
            Refusal::resource_constraint);
  EXPECT_FALSE(roster.set("a@localhost", "A", {}, small).refusal) << "it is there already";
  EXPECT_FALSE(roster.send("c@localhost", Request::unsubscribe, small).refusal) << "adds nothing";

  EXPECT_FALSE(roster.receive("d@localhost", Request::subscribe, "", small).refusal);
  EXPECT_EQ(roster.receive("e@localhost", Request::subscribe, "", small).refusal,
            Refusal::resource_constraint);
  EXPECT_FALSE(roster.receive("d@localhost", Request::unsubscribe, "", small).refusal);
  EXPECT_FALSE(roster.receive("e@localhost", Request::subscribe, "", small).refusal);
}

// RFC 6121 §3.1.2
TEST(RosterPush, ShowsThatTheAccountAsks) {
  Roster roster;
  const RosterChange change = roster.send(romeo, Request::subscribe, limits);
  ASSERT_TRUE(change.push);
  EXPECT_EQ(change.push->subscription, (Subscription{Half::pending, Half::none}));
  EXPECT_EQ(change.version, roster.version());
  EXPECT_TRUE(change.goes_on);
  const RosterChange again = roster.send(romeo, Request::subscribe, limits);
  EXPECT_FALSE(again.push) << "nothing is new";
  EXPECT_TRUE(again.goes_on);
}

// RFC 6121 §3.1.3: clients see nothing of a contact that asks but the request itself.
TEST(RosterPush, DoesNotShowWhoAsks) {
  Roster roster;
  const RosterChange change = roster.receive(romeo, Request::subscribe, asking(), limits);
  EXPECT_FALSE(change.push);
  EXPECT_TRUE(change.goes_on);
  EXPECT_EQ(roster.version(), 0U);
  ASSERT_NE(stored(roster).find(romeo), nullptr);
  EXPECT_FALSE(stored(roster).find(romeo)->is_listed);
  EXPECT_EQ(stored(roster).find(romeo)->request, asking());
  EXPECT_EQ(roster.remove(romeo).refusal, Refusal::item_not_found);

  const RosterChange granted = roster.send(romeo, Request::subscribed, limits);
  ASSERT_TRUE(granted.push);
  EXPECT_EQ(subscription_name(granted.push->subscription), "from");
  EXPECT_EQ(roster.find(romeo)->request, "");
}

TEST(RosterPush, LeavesNothingOfWhoTookTheRequestBackOrWasRefused) {
  for (const bool is_refused : {true, false}) {
    Roster roster;
    roster.receive(romeo, Request::subscribe, asking(), limits);
    const RosterChange change = is_refused
                                    ? roster.send(romeo, Request::unsubscribed, limits)
                                    : roster.receive(romeo, Request::unsubscribe, "", limits);
    EXPECT_FALSE(change.push);
    EXPECT_TRUE(change.goes_on);
    EXPECT_EQ(roster.find(romeo), nullptr);
    EXPECT_EQ(roster.to_string(), "");
  }
}

TEST(RosterPush, ShowsAnApproval) {
  Roster roster;
  const RosterChange approved = roster.send(romeo, Request::subscribed, limits);
  ASSERT_TRUE(approved.push);
  EXPECT_TRUE(approved.push->subscription.approved);
  EXPECT_FALSE(approved.goes_on);
  const RosterChange asked = roster.receive(romeo, Request::subscribe, asking(), limits);
  ASSERT_TRUE(asked.push);
  EXPECT_TRUE(asked.grants);
  EXPECT_FALSE(asked.goes_on);
  EXPECT_EQ(subscription_name(asked.push->subscription), "from");
}

TEST(RosterPush, KeepsARequestThatIsTooLongWithoutItsText) {
  Roster roster;
  const std::string text(limits.request_bytes_max, 'x');
  EXPECT_TRUE(roster.receive(romeo, Request::subscribe, asking(text), limits).goes_on);
  EXPECT_EQ(roster.find(romeo)->subscription.from, Half::pending);
  EXPECT_EQ(roster.find(romeo)->request, "");
}

// RFC 6121 §2.5
TEST(RosterRemove, SaysWhatIsToBeCancelled) {
  Roster roster;
  roster.send(romeo, Request::subscribe, limits);
  roster.receive(romeo, Request::subscribe, asking(), limits);
  const RosterChange change = roster.remove(romeo);
  EXPECT_EQ(change.before, (Subscription{Half::pending, Half::pending}));
  ASSERT_TRUE(change.push);
  EXPECT_FALSE(change.push->is_listed);
  EXPECT_EQ(change.push->contact, romeo);
  EXPECT_EQ(roster.find(romeo), nullptr);
  EXPECT_EQ(roster.remove(romeo).refusal, Refusal::item_not_found);
}

// XEP-0237
TEST(RosterVersion, GrowsWithWhatClientsSeeAndTellsOnlyWhatWasNotRemoved) {
  Roster roster;
  roster.set(romeo, "", {}, limits);
  const auto first = roster.version();
  EXPECT_GT(first, 1'700'000'000U) << "a re-made account would come to its former versions";
  EXPECT_FALSE(roster.set(romeo, "", {}, limits).push) << "nothing was changed";
  EXPECT_EQ(roster.version(), first);
  roster.set("nurse@localhost", "", {}, limits);
  EXPECT_EQ(roster.version(), first + 1);
  EXPECT_TRUE(roster.can_tell_since(first));
  EXPECT_EQ(roster.find(romeo)->version, first);
  EXPECT_EQ(roster.find("nurse@localhost")->version, first + 1);

  roster.remove("nurse@localhost");
  EXPECT_FALSE(roster.can_tell_since(first + 1));
  EXPECT_TRUE(roster.can_tell_since(first + 2));
  EXPECT_FALSE(roster.can_tell_since(first + 3)) << "from a roster that was never ours";
}

}  // namespace
}  // namespace server
