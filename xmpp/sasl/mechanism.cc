#include "xmpp/sasl/mechanism.h"

namespace xmpp {

std::string_view name(Mechanism mechanism) noexcept {
  switch (mechanism) {
    case Mechanism::scram_sha_256_plus:
      return "SCRAM-SHA-256-PLUS";
    case Mechanism::scram_sha_256:
      return "SCRAM-SHA-256";
    case Mechanism::scram_sha_1_plus:
      return "SCRAM-SHA-1-PLUS";
    case Mechanism::scram_sha_1:
      return "SCRAM-SHA-1";
    case Mechanism::plain:
      return "PLAIN";
  }
  return {};
}

std::optional<Mechanism> find_mechanism(std::string_view name) noexcept {
  for (const Mechanism mechanism : mechanisms_by_strength) {
    if (xmpp::name(mechanism) == name) {
      return mechanism;
    }
  }
  return std::nullopt;
}

}  // namespace xmpp
