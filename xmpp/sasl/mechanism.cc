#include "xmpp/sasl/mechanism.h"

namespace xmpp {
namespace {

// In the order of Mechanism.
constexpr std::array<std::string_view, 5> names = {"SCRAM-SHA-256-PLUS", "SCRAM-SHA-256",
                                                   "SCRAM-SHA-1-PLUS", "SCRAM-SHA-1", "PLAIN"};

}  // namespace

std::string_view name(Mechanism mechanism) noexcept {
  return names[static_cast<std::size_t>(mechanism)];
}

std::optional<Mechanism> find_mechanism(std::string_view name) noexcept {
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i] == name) return static_cast<Mechanism>(i);
  }
  return std::nullopt;
}

}  // namespace xmpp
