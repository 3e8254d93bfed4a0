#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace xmpp {

enum class Mechanism : std::uint8_t {
  scram_sha_256_plus,
  scram_sha_256,
  scram_sha_1_plus,
  scram_sha_1,
  plain,
};

/// Strongest first: the order in which a client tries what a server offers.
inline constexpr std::array mechanisms_by_strength = {
    Mechanism::scram_sha_256_plus, Mechanism::scram_sha_1_plus, Mechanism::scram_sha_256,
    Mechanism::scram_sha_1, Mechanism::plain};

/// The registered name, such as "SCRAM-SHA-256-PLUS".
std::string_view name(Mechanism mechanism) noexcept;

/// By its registered name, which is compared exactly (RFC 4422 §3.1: upper case).
std::optional<Mechanism> find_mechanism(std::string_view name) noexcept;

constexpr bool is_scram(Mechanism mechanism) { return mechanism != Mechanism::plain; }

/// Whether it binds the login to the TLS connection.
constexpr bool is_plus(Mechanism mechanism) {
  return mechanism == Mechanism::scram_sha_256_plus || mechanism == Mechanism::scram_sha_1_plus;
}

}  // namespace xmpp
