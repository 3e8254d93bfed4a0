#include "tools/cluster/accounts.h"

#include <string_view>

#include "xmpp/sasl/scram.h"

namespace cluster {

namespace {

constexpr std::uint64_t rows_a_statement = 1000;  // Far below any packet limit.

/// `X'6d65'`: bytes as both MySQL and MariaDB read them, whatever they are.
std::string hex(std::string_view bytes) {
  std::string text = "X'";
  for (const char c : bytes) {
    constexpr std::string_view digits = "0123456789abcdef";
    text += digits[static_cast<unsigned char>(c) >> 4U];
    text += digits[static_cast<unsigned char>(c) & 15U];
  }
  return text + "'";
}

Result<std::string> keys_of(xmpp::ScramHash hash, const std::string& password) {
  const auto keys = xmpp::derive_scram_keys(
      hash, password, xmpp::random_bytes(xmpp::scram_salt_bytes), xmpp::scram_iterations_default);
  if (!keys) return Fault{"the accounts' password cannot be used: " + keys.error().message(), ""};
  return hex(keys->salt) + "," + std::to_string(keys->iterations) + "," +
         hex(keys->stored_key.reveal()) + "," + hex(keys->server_key.reveal());
}

}  // namespace

Result<std::string> accounts_script(const std::string& domain, const std::string& prefix,
                                    std::uint64_t count, const std::string& password) {
  const auto sha1 = keys_of(xmpp::ScramHash::sha1, password);
  if (!sha1) return sha1.error();
  const auto sha256 = keys_of(xmpp::ScramHash::sha256, password);
  if (!sha256) return sha256.error();
  const std::string shared =
      "," + hex(domain) + "," + *sha1 + "," + *sha256 + ",UTC_TIMESTAMP(6),UTC_TIMESTAMP(6))";
  std::string sql;
  for (std::uint64_t number = 0; number < count; ++number) {
    const bool first = number % rows_a_statement == 0;
    if (first) {
      sql +=
          "REPLACE INTO users (localpart, domainpart,"
          " sha1_salt, sha1_iterations, sha1_stored_key, sha1_server_key,"
          " sha256_salt, sha256_iterations, sha256_stored_key, sha256_server_key,"
          " created, changed) VALUES\n";
    }
    sql += first ? "(" : ",(";
    sql += hex(prefix + std::to_string(number)) + shared;
    const bool last = number + 1 == count || (number + 1) % rows_a_statement == 0;
    sql += last ? ";\n" : "\n";
  }
  return sql;
}

}  // namespace cluster
