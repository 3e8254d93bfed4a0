#include "xmpp/stanza_error.h"

#include <array>
#include <cstddef>

namespace xmpp {
namespace {

struct Row {
  std::string_view name;
  ErrorType type;
};

// In the order of StanzaErrorCondition; types by RFC 6120 §8.3.3.
constexpr std::array<Row, 22> rows = {{
    {"bad-request", ErrorType::modify},
    {"conflict", ErrorType::cancel},
    {"feature-not-implemented", ErrorType::cancel},
    {"forbidden", ErrorType::auth},
    {"gone", ErrorType::cancel},
    {"internal-server-error", ErrorType::cancel},
    {"item-not-found", ErrorType::cancel},
    {"jid-malformed", ErrorType::modify},
    {"not-acceptable", ErrorType::modify},
    {"not-allowed", ErrorType::cancel},
    {"not-authorized", ErrorType::auth},
    {"policy-violation", ErrorType::modify},
    {"recipient-unavailable", ErrorType::wait},
    {"redirect", ErrorType::modify},
    {"registration-required", ErrorType::auth},
    {"remote-server-not-found", ErrorType::cancel},
    {"remote-server-timeout", ErrorType::wait},
    {"resource-constraint", ErrorType::wait},
    {"service-unavailable", ErrorType::cancel},
    {"subscription-required", ErrorType::auth},
    {"undefined-condition", ErrorType::cancel},
    {"unexpected-request", ErrorType::wait},
}};
static_assert(rows.size() ==
              static_cast<std::size_t>(StanzaErrorCondition::unexpected_request) + 1);

}  // namespace

std::string_view name(StanzaErrorCondition condition) noexcept {
  return rows[static_cast<std::size_t>(condition)].name;
}

std::string_view name(ErrorType type) noexcept {
  constexpr std::array<std::string_view, 5> names = {"auth", "cancel", "continue", "modify",
                                                     "wait"};
  return names[static_cast<std::size_t>(type)];
}

ErrorType default_type(StanzaErrorCondition condition) noexcept {
  return rows[static_cast<std::size_t>(condition)].type;
}

StanzaErrorCondition stanza_error_condition(std::string_view name) noexcept {
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (rows[i].name == name) {
      return static_cast<StanzaErrorCondition>(i);
    }
  }
  return StanzaErrorCondition::undefined_condition;
}

}  // namespace xmpp
