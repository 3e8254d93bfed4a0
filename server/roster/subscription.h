#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace server {

/// The presence stanzas that change subscriptions (RFC 6121 §3).
enum class SubscriptionRequest : std::uint8_t { subscribe, unsubscribe, subscribed, unsubscribed };

/// By a presence stanza's `type`; empty for any other.
std::optional<SubscriptionRequest> subscription_request(std::string_view type);

std::string_view name(SubscriptionRequest request);

/// How far one of the two directions of a subscription is.
enum class Half : std::uint8_t {
  none,
  pending,  ///< Asked for, and not answered.
  active,
};

/// An account's subscription with a contact: the nine states of RFC 6121 Appendix A.1 are the nine
/// pairs of the two halves, "None + Pending Out" is {pending, none}, "To + Pending In" is {active,
/// pending}, "Both" is {active, active}.
struct Subscription {
  Half to = Half::none;    ///< The account sees the contact's presence.
  Half from = Half::none;  ///< The contact sees the account's presence.
  bool approved = false;   ///< Its next request is granted without asking (RFC 6121 §3.4).

  bool operator==(const Subscription&) const = default;
};

/// What a subscription request does to one side's state.
struct SubscriptionStep {
  Subscription after;

  /// Of a sent request: it goes on to the contact. Of a received one: the account's clients get it.
  bool goes_on = false;

  /// The account's server answers a received `subscribe` with `subscribed` by itself, since it has
  /// been granted already.
  bool grants = false;
};

/// The account sends `request` to the contact (RFC 6121 Appendix A.2).
SubscriptionStep on_sent(const Subscription& before, SubscriptionRequest request);

/// The account receives `request` from the contact (RFC 6121 Appendix A.3).
SubscriptionStep on_received(const Subscription& before, SubscriptionRequest request);

/// The `subscription` attribute of a roster item: `none`, `to`, `from` or `both`.
std::string_view subscription_name(const Subscription& subscription);

}  // namespace server
