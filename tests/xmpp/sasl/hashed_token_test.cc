#include "xmpp/sasl/hashed_token.h"

#include <gtest/gtest.h>

#include <string>

#include "xmpp/sasl/base64.h"
#include "xmpp/sasl/sasl_error.h"

namespace xmpp {
namespace {

using std::string_literals::operator""s;

// Computed with Python: base64(hmac.new(b"secret-token", b"Initiator" + b"binding", "sha256")).
TEST(HashedToken, IsProvedAsTheDraftSays) {
  const Secret token("secret-token");
  EXPECT_EQ(base64_encode(token_proof(token, "binding").reveal()),
            "lubqzOPXDRgq9jUWoyF/5Vc3UgIewzjfZmLHtDBUF4c=");
  EXPECT_EQ(base64_encode(token_answer(token, "binding")),
            "+urHuV8MBzLd3UR8omOcNGHY5agbsptMuBhA1df4LUE=");
  EXPECT_EQ(base64_encode(token_proof(token, "").reveal()),
            "P23pK0XN3FDGAa0WZFj3tYdFZeOZ8wBrGvsD8LsD/4g=");
}

TEST(HashedToken, HasAMessageThatIsReadAsItIsWritten) {
  const Secret token("secret-token");
  const auto message = parse_token_message(token_message("juliet", token, "binding"));
  ASSERT_TRUE(message);
  EXPECT_EQ(message->user, "juliet");
  EXPECT_TRUE(token_proof(token, "binding").same_as(message->proof));
  // A hash may begin with or hold a NUL.
  const auto nuls = parse_token_message("juliet\0"s + std::string(32, '\0'));
  ASSERT_TRUE(nuls);
  EXPECT_EQ(nuls->proof, std::string(32, '\0'));
}

// Hardening P10.
TEST(HashedToken, HasNoMessageInOtherBytes) {
  const std::string hash(32, 'h');
  for (const std::string& message :
       {""s, "juliet"s, "\0"s + hash, "juliet\0"s, "juliet\0"s + hash.substr(1),
        "juliet\0"s + hash + "h", "\xff\0"s + hash, "juliet" + hash}) {
    const auto parsed = parse_token_message(message);
    ASSERT_TRUE(parsed.has_error()) << message;
    EXPECT_EQ(parsed.error(), SaslError::malformed_request);
  }
}

TEST(HashedToken, KnowsItsMechanismsByTheirNames) {
  for (const TokenMechanism mechanism : token_mechanisms) {
    EXPECT_EQ(find_token_mechanism(name(mechanism)), mechanism);
  }
  EXPECT_EQ(name(TokenMechanism::endp), "HT-SHA-256-ENDP");
  EXPECT_EQ(binding_type(TokenMechanism::expr), "tls-exporter");
  EXPECT_EQ(binding_type(TokenMechanism::endp), "tls-server-end-point");
  EXPECT_EQ(binding_type(TokenMechanism::none), "");
  for (const char* other : {"", "HT-SHA-256-UNIQ", "HT-SHA-512-NONE", "ht-sha-256-none", "PLAIN"}) {
    EXPECT_FALSE(find_token_mechanism(other)) << other;
  }
}

// Hardening P22: 128 bits at least, and another one for each purpose and secret.
TEST(HashedToken, IsDerivedFromASecretAndWhatItIsFor) {
  const Secret secret("of the cluster");
  const std::string token = derived_token(secret, "juliet").reveal();
  EXPECT_EQ(base64_decode(token)->size(), 32U);
  EXPECT_EQ(derived_token(secret, "juliet").reveal(), token);
  EXPECT_NE(derived_token(secret, "romeo").reveal(), token);
  EXPECT_NE(derived_token(Secret("another"), "juliet").reveal(), token);
}

}  // namespace
}  // namespace xmpp
