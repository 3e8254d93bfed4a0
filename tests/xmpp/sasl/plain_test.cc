#include "xmpp/sasl/plain.h"

#include <gtest/gtest.h>

#include "xmpp/sasl/sasl_error.h"

namespace xmpp {
namespace {

using namespace std::string_literals;

// RFC 4616 §4
TEST(Plain, ReadsTheExamplesOfItsRfc) {
  const auto without = parse_plain("\0tim\0tanstaaftanstaaf"s);
  ASSERT_TRUE(without);
  EXPECT_EQ(without->authzid, "");
  EXPECT_EQ(without->authcid, "tim");
  EXPECT_TRUE(without->password.same_as("tanstaaftanstaaf"));

  const auto with = parse_plain("Ursel\0Kurt\0xipj3plmq"s);
  ASSERT_TRUE(with);
  EXPECT_EQ(with->authzid, "Ursel");
  EXPECT_EQ(with->authcid, "Kurt");
  EXPECT_TRUE(with->password.same_as("xipj3plmq"));
}

TEST(Plain, ReadsWhatItWrote) {
  const PlainMessage sent{"juliet@localhost", "juliet", Secret("r0m30\xc3\xa4 ,="s)};
  const auto text = make_plain(sent);
  ASSERT_TRUE(text);
  const auto read = parse_plain(*text);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->authzid, sent.authzid);
  EXPECT_EQ(read->authcid, sent.authcid);
  EXPECT_TRUE(read->password.same_as(sent.password.reveal()));
}

// RFC 4616 §2, hardening P10
TEST(Plain, RefusesWhatIsNotThreeParts) {
  for (const std::string& message :
       {""s, "tim"s, "\0"s, "\0tim"s, "\0\0"s, "\0\0password"s, "a\0\0password"s, "\0tim\0pass\0"s,
        "\0tim\0pass\0word"s, "\0tim\xff\0password"s, "\0tim\0pass\xed\xa0\x80"s,
        "\xc0\x80\0tim\0password"s}) {
    const auto parsed = parse_plain(message);
    ASSERT_FALSE(parsed) << testing::PrintToString(message);
    EXPECT_EQ(parsed.error(), SaslError::malformed_request) << testing::PrintToString(message);
  }
}

TEST(Plain, RefusesAPasswordThatNoAccountCanHave) {
  EXPECT_EQ(parse_plain("\0tim\0"s).error(), SaslError::not_authorized);
  EXPECT_TRUE(parse_plain("\0tim\0"s + std::string(1'023, 'x')));
  EXPECT_EQ(parse_plain("\0tim\0"s + std::string(1'024, 'x')).error(), SaslError::not_authorized);
}

TEST(Plain, DoesNotWriteAPartThatWouldReadAsTwo) {
  EXPECT_EQ(make_plain({"", "ti\0m"s, Secret("x"s)}).error(), SaslError::malformed_request);
  EXPECT_EQ(make_plain({"", "tim", Secret("x\0y"s)}).error(), SaslError::malformed_request);
  EXPECT_EQ(make_plain({"\xff", "tim", Secret("x"s)}).error(), SaslError::malformed_request);
}

}  // namespace
}  // namespace xmpp
