#include <gtest/gtest.h>

#include <set>

#include "xmpp/sasl/base64.h"
#include "xmpp/sasl/scram.h"

namespace xmpp {
namespace {

using namespace std::string_literals;

// Hardening T1: derived from the salts of RFC 5802 §5 and RFC 7677 §3 by Python's hashlib and hmac,
// which share nothing with this code.
TEST(ScramKeys, AreThoseOfAnotherImplementation) {
  const auto sha1 = derive_scram_keys(ScramHash::sha1, "pencil",
                                      base64_decode("QSXCR+Q6sek8bf92").value(), 4'096);
  ASSERT_TRUE(sha1);
  EXPECT_EQ(base64_encode(sha1->stored_key.reveal()), "6dlGYMOdZcOPutkcNY8U2g7vK9Y=");
  EXPECT_EQ(base64_encode(sha1->server_key.reveal()), "D+CSWLOshSulAsxiupA+qs2/fTE=");

  const auto sha256 = derive_scram_keys(ScramHash::sha256, "pencil",
                                        base64_decode("W22ZaJ0SNY7soEsUEjb6gQ==").value(), 4'096);
  ASSERT_TRUE(sha256);
  EXPECT_EQ(base64_encode(sha256->stored_key.reveal()),
            "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=");
  EXPECT_EQ(base64_encode(sha256->server_key.reveal()),
            "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=");
}

TEST(ScramKeys, FitTheirOwnPasswordAlone) {
  for (const ScramHash hash : {ScramHash::sha1, ScramHash::sha256}) {
    const auto keys = derive_scram_keys(hash, "pencil", random_bytes(scram_salt_bytes), 4'096);
    ASSERT_TRUE(keys);
    EXPECT_EQ(keys->stored_key.reveal().size(), scram_key_bytes(hash));
    EXPECT_EQ(keys->server_key.reveal().size(), scram_key_bytes(hash));
    EXPECT_TRUE(is_password_of(*keys, "pencil"));
    for (const std::string_view other : {"", "Pencil", "pencil ", "penci", "\xff"}) {
      EXPECT_FALSE(is_password_of(*keys, other)) << other;
    }
  }
}

TEST(ScramKeys, DoNotComeFromACountThatCannotBeHashed) {
  EXPECT_EQ(derive_scram_keys(ScramHash::sha256, "pencil", "salt", 0).error(), Errc::unsupported);
  EXPECT_EQ(derive_scram_keys(ScramHash::sha256, "pencil", "salt", 1u << 31).error(),
            Errc::unsupported);
  // As from a database row that is damaged.
  ScramKeys damaged;
  EXPECT_FALSE(is_password_of(damaged, "pencil"));
}

// RFC 4013 §3, with the error of the bidirectional example.
TEST(SaslPrep, PreparesTheExamplesOfItsRfc) {
  EXPECT_EQ(sasl_prep("I\xc2\xadX").value(), "IX");
  EXPECT_EQ(sasl_prep("user").value(), "user");
  EXPECT_EQ(sasl_prep("USER").value(), "USER");
  EXPECT_EQ(sasl_prep("\xc2\xaa").value(), "a");
  EXPECT_EQ(sasl_prep("\xe2\x85\xa8").value(), "IX");
  EXPECT_EQ(sasl_prep("\x07").error(), Errc::password_malformed);
  EXPECT_EQ(sasl_prep("\xd8\xa7\x31").error(), Errc::password_malformed);
}

TEST(SaslPrep, MakesEqualPasswordsOfEqualLooks) {
  const auto composed = derive_scram_keys(ScramHash::sha256, "caf\xc3\xa9", "salt", 4'096);
  ASSERT_TRUE(composed);
  EXPECT_TRUE(is_password_of(*composed, "cafe\xcc\x81"));
  EXPECT_FALSE(is_password_of(*composed, "cafe"));
}

TEST(SaslPrep, RefusesWhatNoPasswordIs) {
  for (const std::string& text : {""s, "\xc2\xad"s, "a\0b"s, "\xff"s, "\xc0\x80"s, "\xed\xa0\x80"s,
                                  "a\x7f"s, "a\nb"s, std::string(1'024, 'x')}) {
    EXPECT_EQ(sasl_prep(text).error(), Errc::password_malformed) << testing::PrintToString(text);
  }
  EXPECT_TRUE(sasl_prep(std::string(1'023, 'x')));
}

// U+FDFA is 3 bytes and becomes 33: what is longer than the bound after preparation is refused.
TEST(SaslPrep, HoldsItsBoundAfterPreparation) {
  std::string text;
  for (int i = 0; i < 30; ++i) text += "\xef\xb7\xba";
  EXPECT_TRUE(sasl_prep(text));
  for (int i = 0; i < 10; ++i) text += "\xef\xb7\xba";
  EXPECT_FALSE(sasl_prep(text));
}

// Hardening P14
TEST(FakeKeys, AreTheSameForANameAndOfNoOtherName) {
  const auto salt = [](std::string_view secret, std::string_view user, ScramHash hash) {
    return fake_scram_keys(secret, user, hash, 10'000).salt;
  };
  EXPECT_EQ(salt("secret", "romeo", ScramHash::sha1), salt("secret", "romeo", ScramHash::sha1));
  const std::set salts = {
      salt("secret", "romeo", ScramHash::sha1), salt("secret", "romeo", ScramHash::sha256),
      salt("secret", "juliet", ScramHash::sha1), salt("other", "romeo", ScramHash::sha1)};
  EXPECT_EQ(salts.size(), 4u);
}

// Hardening P14
TEST(FakeKeys, HaveTheShapeOfRealOnes) {
  for (const ScramHash hash : {ScramHash::sha1, ScramHash::sha256}) {
    const ScramKeys fake = fake_scram_keys("secret", "romeo", hash, scram_iterations_default);
    EXPECT_EQ(fake.hash, hash);
    EXPECT_EQ(fake.iterations, scram_iterations_default);
    EXPECT_EQ(fake.salt.size(), scram_salt_bytes);
    EXPECT_EQ(fake.stored_key.reveal().size(), scram_key_bytes(hash));
    EXPECT_EQ(fake.server_key.reveal().size(), scram_key_bytes(hash));
    EXPECT_FALSE(is_password_of(fake, "secret"));
  }
}

TEST(RandomBytes, AreNotTwiceTheSame) {
  EXPECT_EQ(random_bytes(18).size(), 18u);
  EXPECT_NE(random_bytes(18), random_bytes(18));
}

}  // namespace
}  // namespace xmpp
