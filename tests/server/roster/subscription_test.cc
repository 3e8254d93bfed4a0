#include "server/roster/subscription.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace server {
namespace {

// The tables of RFC 6121 Appendix A as they stand there: a state, whether the stanza is routed
// (A.2) or delivered (A.3), and the new state; "" means no change.
struct Row {
  std::string_view state;
  bool goes_on;
  std::string_view after;
};
using Table = std::vector<Row>;

const std::map<std::string_view, Subscription> states = {
    {"None", {}},
    {"None + Pending Out", {Half::pending, Half::none}},
    {"None + Pending In", {Half::none, Half::pending}},
    {"None + Pending Out+In", {Half::pending, Half::pending}},
    {"To", {Half::active, Half::none}},
    {"To + Pending In", {Half::active, Half::pending}},
    {"From", {Half::none, Half::active}},
    {"From + Pending Out", {Half::pending, Half::active}},
    {"Both", {Half::active, Half::active}},
};

std::string_view state_of(Subscription subscription) {
  subscription.approved = false;
  for (const auto& [name, state] : states) {
    if (state == subscription) return name;
  }
  return "no state";
}

using Rule = SubscriptionStep (*)(const Subscription&, SubscriptionRequest);

void follows(Rule rule, SubscriptionRequest request, const Table& table) {
  ASSERT_EQ(table.size(), states.size());
  for (const Row& row : table) {
    const SubscriptionStep step = rule(states.at(row.state), request);
    EXPECT_EQ(step.goes_on, row.goes_on) << row.state;
    EXPECT_EQ(state_of(step.after), row.after.empty() ? row.state : row.after) << row.state;
  }
}

TEST(Sent, SubscribeFollowsTableA21) {
  follows(on_sent, SubscriptionRequest::subscribe,
          {{"None", true, "None + Pending Out"},
           {"None + Pending Out", true, ""},
           {"None + Pending In", true, "None + Pending Out+In"},
           {"None + Pending Out+In", true, ""},
           {"To", true, ""},
           {"To + Pending In", true, ""},
           {"From", true, "From + Pending Out"},
           {"From + Pending Out", true, ""},
           {"Both", true, ""}});
}

TEST(Sent, UnsubscribeFollowsTableA22) {
  follows(on_sent, SubscriptionRequest::unsubscribe,
          {{"None", true, ""},
           {"None + Pending Out", true, "None"},
           {"None + Pending In", true, ""},
           {"None + Pending Out+In", true, "None + Pending In"},
           {"To", true, "None"},
           {"To + Pending In", true, "None + Pending In"},
           {"From", true, ""},
           {"From + Pending Out", true, "From"},
           {"Both", true, "From"}});
}

TEST(Sent, SubscribedFollowsTableA23) {
  follows(on_sent, SubscriptionRequest::subscribed,
          {{"None", false, ""},
           {"None + Pending Out", false, ""},
           {"None + Pending In", true, "From"},
           {"None + Pending Out+In", true, "From + Pending Out"},
           {"To", false, ""},
           {"To + Pending In", true, "Both"},
           {"From", false, ""},
           {"From + Pending Out", false, ""},
           {"Both", false, ""}});
}

TEST(Sent, UnsubscribedFollowsTableA24) {
  follows(on_sent, SubscriptionRequest::unsubscribed,
          {{"None", false, ""},
           {"None + Pending Out", false, ""},
           {"None + Pending In", true, "None"},
           {"None + Pending Out+In", true, "None + Pending Out"},
           {"To", false, ""},
           {"To + Pending In", true, "To"},
           {"From", true, "None"},
           {"From + Pending Out", true, "None + Pending Out"},
           {"Both", true, "To"}});
}

TEST(Received, SubscribeFollowsTableA31) {
  follows(on_received, SubscriptionRequest::subscribe,
          {{"None", true, "None + Pending In"},
           {"None + Pending Out", true, "None + Pending Out+In"},
           {"None + Pending In", false, ""},
           {"None + Pending Out+In", false, ""},
           {"To", true, "To + Pending In"},
           {"To + Pending In", false, ""},
           {"From", false, ""},
           {"From + Pending Out", false, ""},
           {"Both", false, ""}});
}

TEST(Received, UnsubscribeFollowsTableA32) {
  follows(on_received, SubscriptionRequest::unsubscribe,
          {{"None", false, ""},
           {"None + Pending Out", false, ""},
           {"None + Pending In", true, "None"},
           {"None + Pending Out+In", true, "None + Pending Out"},
           {"To", false, ""},
           {"To + Pending In", true, "To"},
           {"From", true, "None"},
           {"From + Pending Out", true, "None + Pending Out"},
           {"Both", true, "To"}});
}

TEST(Received, SubscribedFollowsTableA33) {
  follows(on_received, SubscriptionRequest::subscribed,
          {{"None", false, ""},
           {"None + Pending Out", true, "To"},
           {"None + Pending In", false, ""},
           {"None + Pending Out+In", true, "To + Pending In"},
           {"To", false, ""},
           {"To + Pending In", false, ""},
           {"From", false, ""},
           {"From + Pending Out", true, "Both"},
           {"Both", false, ""}});
}

TEST(Received, UnsubscribedFollowsTableA34) {
  follows(on_received, SubscriptionRequest::unsubscribed,
          {{"None", false, ""},
           {"None + Pending Out", true, "None"},
           {"None + Pending In", false, ""},
           {"None + Pending Out+In", true, "None + Pending In"},
           {"To", true, "None"},
           {"To + Pending In", true, "None + Pending In"},
           {"From", false, ""},
           {"From + Pending Out", true, "From"},
           {"Both", true, "From"}});
}

// RFC 6121 §3.1.3: who has the subscription, and asks again, is told so by the server.
TEST(Received, SubscribeIsGrantedByTheServerWhereItIsInForce) {
  for (const auto& [name, state] : states) {
    const bool is_in_force = state.from == Half::active;
    EXPECT_EQ(on_received(state, SubscriptionRequest::subscribe).grants, is_in_force) << name;
  }
}

// RFC 6121 §3.4.2
TEST(PreApproval, IsKeptFromSubscribedUntilItIsAskedFor) {
  for (const std::string_view name : {"None", "None + Pending Out", "To"}) {
    const Subscription approved = on_sent(states.at(name), SubscriptionRequest::subscribed).after;
    EXPECT_TRUE(approved.approved) << name;
    EXPECT_EQ(state_of(approved), name);

    const SubscriptionStep asked = on_received(approved, SubscriptionRequest::subscribe);
    EXPECT_TRUE(asked.grants) << name;
    EXPECT_FALSE(asked.goes_on) << name;
    EXPECT_EQ(asked.after.from, Half::active) << name;
    EXPECT_EQ(asked.after.to, states.at(name).to) << name;
  }
}

// RFC 6121 §3.4.2: nobody is approved by granting what was asked for.
TEST(PreApproval, IsNotMadeByAnAnswer) {
  for (const auto& [name, state] : states) {
    if (state.from == Half::none) continue;
    EXPECT_FALSE(on_sent(state, SubscriptionRequest::subscribed).after.approved) << name;
  }
}

// RFC 6121 §3.4.3
TEST(PreApproval, IsTakenBackByUnsubscribed) {
  for (const auto& [name, state] : states) {
    Subscription approved = state;
    approved.approved = true;
    EXPECT_FALSE(on_sent(approved, SubscriptionRequest::unsubscribed).after.approved) << name;
  }
}

TEST(SubscriptionName, IsTheRosterItemsAttribute) {
  const std::map<std::string_view, std::string_view> names = {{"None", "none"},
                                                              {"None + Pending Out", "none"},
                                                              {"None + Pending In", "none"},
                                                              {"None + Pending Out+In", "none"},
                                                              {"To", "to"},
                                                              {"To + Pending In", "to"},
                                                              {"From", "from"},
                                                              {"From + Pending Out", "from"},
                                                              {"Both", "both"}};
  for (const auto& [name, state] : states) EXPECT_EQ(subscription_name(state), names.at(name));
}

TEST(SubscriptionRequest, IsReadFromAPresencesType) {
  for (const char* type : {"subscribe", "unsubscribe", "subscribed", "unsubscribed"}) {
    const auto request = subscription_request(type);
    ASSERT_TRUE(request) << type;
    EXPECT_EQ(name(*request), type);
  }
  for (const char* type : {"", "probe", "unavailable", "Subscribe", "subscribes"}) {
    EXPECT_FALSE(subscription_request(type)) << type;
  }
}

}  // namespace
}  // namespace server
