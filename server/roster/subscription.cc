#include "server/roster/subscription.h"

#include <array>
#include <cstddef>

namespace server {
namespace {

struct Step {
  Half after;
  bool goes_on;
};

/// What a request does to the one half that it is about, by the half's state before: none, pending,
/// active. `subscribe` and `unsubscribe` are about what their sender sees, the others about what
/// their receiver sees. The tables of RFC 6121 Appendix A repeat these rows for each state of the
/// other half, which never matters.
using Row = std::array<Step, 3>;
constexpr Half none = Half::none, pending = Half::pending, active = Half::active;

constexpr std::array<Row, 4> sent_steps = {{
    {{{pending, true}, {pending, true}, {active, true}}},  // subscribe: `to`
    {{{none, true}, {none, true}, {none, true}}},          // unsubscribe: `to`
    {{{none, false}, {active, true}, {active, false}}},    // subscribed: `from`
    {{{none, false}, {none, true}, {none, true}}},         // unsubscribed: `from`
}};

constexpr std::array<Row, 4> received_steps = {{
    {{{pending, true}, {pending, false}, {active, false}}},  // subscribe: `from`
    {{{none, false}, {none, true}, {none, true}}},           // unsubscribe: `from`
    {{{none, false}, {active, true}, {active, false}}},      // subscribed: `to`
    {{{none, false}, {none, true}, {none, true}}},           // unsubscribed: `to`
}};

constexpr std::array<std::string_view, 4> names = {"subscribe", "unsubscribe", "subscribed",
                                                   "unsubscribed"};

bool is_for_senders_view(SubscriptionRequest request) {
  return request == SubscriptionRequest::subscribe || request == SubscriptionRequest::unsubscribe;
}

SubscriptionStep step(const Subscription& before, const Row& row, Half Subscription::*half) {
  const Step& taken = row.at(static_cast<std::size_t>(before.*half));
  SubscriptionStep result{.after = before, .goes_on = taken.goes_on};
  result.after.*half = taken.after;
  return result;
}

}  // namespace

std::optional<SubscriptionRequest> subscription_request(std::string_view type) {
  for (std::size_t at = 0; at < names.size(); ++at) {
    if (names.at(at) == type) return static_cast<SubscriptionRequest>(at);
  }
  return std::nullopt;
}

std::string_view name(SubscriptionRequest request) {
  return names.at(static_cast<std::size_t>(request));
}

SubscriptionStep on_sent(const Subscription& before, SubscriptionRequest request) {
  SubscriptionStep result =
      step(before, sent_steps.at(static_cast<std::size_t>(request)),
           is_for_senders_view(request) ? &Subscription::to : &Subscription::from);
  // RFC 6121 §3.4.2: what is granted before it was asked for is kept for the asking.
  if (request == SubscriptionRequest::subscribed && before.from == none) {
    result.after.approved = true;
  }
  if (request == SubscriptionRequest::unsubscribed) result.after.approved = false;
  return result;
}

SubscriptionStep on_received(const Subscription& before, SubscriptionRequest request) {
  SubscriptionStep result =
      step(before, received_steps.at(static_cast<std::size_t>(request)),
           is_for_senders_view(request) ? &Subscription::from : &Subscription::to);
  if (request != SubscriptionRequest::subscribe) return result;
  // RFC 6121 §3.1.3: granted already, whether it is in force or was approved before.
  if (before.from == active || before.approved) {
    result.after.from = active;
    result.goes_on = false;
    result.grants = true;
  }
  return result;
}

std::string_view subscription_name(const Subscription& subscription) {
  const bool to = subscription.to == Half::active;
  const bool from = subscription.from == Half::active;
  if (to) return from ? "both" : "to";
  return from ? "from" : "none";
}

}  // namespace server
