#pragma once

#include <cstdint>
#include <string_view>

namespace xmpp {

/// The stanza error conditions, all of RFC 6120 §8.3.3.
enum class StanzaErrorCondition : std::uint8_t {
  bad_request,
  conflict,
  feature_not_implemented,
  forbidden,
  gone,
  internal_server_error,
  item_not_found,
  jid_malformed,
  not_acceptable,
  not_allowed,
  not_authorized,
  policy_violation,
  recipient_unavailable,
  redirect,
  registration_required,
  remote_server_not_found,
  remote_server_timeout,
  resource_constraint,
  service_unavailable,
  subscription_required,
  undefined_condition,
  unexpected_request,
};

/// What the sender may do about it (RFC 6120 §8.3.2).
enum class ErrorType : std::uint8_t { auth, cancel, continue_, modify, wait };

/// The name of the condition's element, such as "item-not-found".
std::string_view name(StanzaErrorCondition condition) noexcept;

/// The value of the `type` attribute, such as "cancel".
std::string_view name(ErrorType type) noexcept;

/// The type that RFC 6120 §8.3.3 gives with the condition (its first one where it gives several).
ErrorType default_type(StanzaErrorCondition condition) noexcept;

/// The condition that an element of this name states; an unknown name is undefined_condition.
StanzaErrorCondition stanza_error_condition(std::string_view name) noexcept;

}  // namespace xmpp
