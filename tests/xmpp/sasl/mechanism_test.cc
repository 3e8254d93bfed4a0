#include "xmpp/sasl/mechanism.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "xmpp/sasl/sasl_error.h"
#include "xmpp/sasl/scram.h"

namespace xmpp {
namespace {

TEST(Mechanism, IsFoundByItsOwnNameAlone) {
  for (const Mechanism mechanism : mechanisms_by_strength) {
    EXPECT_EQ(find_mechanism(name(mechanism)), mechanism);
  }
  for (const std::string_view other :
       {"", "plain", "SCRAM", "SCRAM-SHA-256-", "SCRAM-SHA-256-PLUS-PLUS", "PLAIN ", "EXTERNAL"}) {
    EXPECT_FALSE(find_mechanism(other)) << other;
  }
}

TEST(Mechanism, IsRankedWithBindingFirstAndPlainLast) {
  EXPECT_EQ(std::set(mechanisms_by_strength.begin(), mechanisms_by_strength.end()).size(), 5u);
  EXPECT_TRUE(is_plus(mechanisms_by_strength[0]));
  EXPECT_TRUE(is_plus(mechanisms_by_strength[1]));
  EXPECT_EQ(name(mechanisms_by_strength[2]), "SCRAM-SHA-256");
  EXPECT_EQ(name(mechanisms_by_strength[3]), "SCRAM-SHA-1");
  EXPECT_FALSE(is_scram(mechanisms_by_strength[4]));
}

TEST(Mechanism, HasTheHashThatItIsNamedFor) {
  EXPECT_EQ(scram_hash(Mechanism::scram_sha_1), ScramHash::sha1);
  EXPECT_EQ(scram_hash(Mechanism::scram_sha_1_plus), ScramHash::sha1);
  EXPECT_EQ(scram_hash(Mechanism::scram_sha_256), ScramHash::sha256);
  EXPECT_EQ(scram_hash(Mechanism::scram_sha_256_plus), ScramHash::sha256);
  EXPECT_EQ(name(ScramHash::sha1), "SCRAM-SHA-1");
  EXPECT_EQ(name(ScramHash::sha256), "SCRAM-SHA-256");
}

// RFC 6120 §6.5
TEST(SaslError, HasTheElementNamesOfTheStandard) {
  const std::pair<SaslError, std::string_view> conditions[] = {
      {SaslError::aborted, "aborted"},
      {SaslError::account_disabled, "account-disabled"},
      {SaslError::credentials_expired, "credentials-expired"},
      {SaslError::encryption_required, "encryption-required"},
      {SaslError::incorrect_encoding, "incorrect-encoding"},
      {SaslError::invalid_authzid, "invalid-authzid"},
      {SaslError::invalid_mechanism, "invalid-mechanism"},
      {SaslError::malformed_request, "malformed-request"},
      {SaslError::mechanism_too_weak, "mechanism-too-weak"},
      {SaslError::not_authorized, "not-authorized"},
      {SaslError::temporary_auth_failure, "temporary-auth-failure"}};
  for (const auto& [error, text] : conditions) {
    EXPECT_EQ(name(error), text);
    EXPECT_EQ(sasl_error(text), error);
    EXPECT_EQ(sasl_error(make_error_code(error)), error);
    EXPECT_EQ(make_error_code(error).message(), text);
  }
}

TEST(SaslError, TakesAnUnknownConditionForARefusal) {
  EXPECT_EQ(sasl_error("bad-moon"), SaslError::not_authorized);
}

// Hardening P16: what fails on our side says nothing about the password.
TEST(SaslError, IsTemporaryForAFaultThatIsNoSaslError) {
  EXPECT_EQ(sasl_error(make_error_code(Errc::unsupported)), SaslError::temporary_auth_failure);
}

}  // namespace
}  // namespace xmpp
