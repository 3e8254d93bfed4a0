#include "xmpp/sasl/base64.h"

#include <gtest/gtest.h>

#include "xmpp/sasl/sasl_error.h"

namespace xmpp {
namespace {

// RFC 4648 §10
TEST(Base64, WritesAndReadsTheVectorsOfItsRfc) {
  const std::pair<std::string_view, std::string_view> vectors[] = {{"", ""},
                                                                   {"f", "Zg=="},
                                                                   {"fo", "Zm8="},
                                                                   {"foo", "Zm9v"},
                                                                   {"foob", "Zm9vYg=="},
                                                                   {"fooba", "Zm9vYmE="},
                                                                   {"foobar", "Zm9vYmFy"}};
  for (const auto& [bytes, text] : vectors) {
    EXPECT_EQ(base64_encode(bytes), text);
    const auto decoded = base64_decode(text);
    ASSERT_TRUE(decoded) << text;
    EXPECT_EQ(*decoded, bytes);
  }
}

TEST(Base64, KeepsEveryByteValueAtEveryLength) {
  std::string bytes;
  for (int i = 0; i < 300; ++i) {
    bytes += static_cast<char>(i * 7);
    const auto decoded = base64_decode(base64_encode(bytes));
    ASSERT_TRUE(decoded);
    ASSERT_EQ(*decoded, bytes);
  }
}

// RFC 4648 §3.1 to §3.5, hardening P10
TEST(Base64, RefusesAllButTheOneEncoding) {
  for (const std::string_view text :
       {"Zg",   "Zg=",  "Zg===",    "Zh==",    "Zm9=",   "Z===",    "====",
        "=",    "==",   "Zg==Zg==", "Zm 9v",   "Zm9v\n", " Zm9v",   "Zm9-",
        "Zm9_", "Zm=v", "=m9v",     "Zm9\xc3", "Zm9v=",  "Zm9v===="}) {
    const auto decoded = base64_decode(text);
    ASSERT_FALSE(decoded) << text;
    EXPECT_EQ(decoded.error(), Errc::bad_base64);
  }
  EXPECT_FALSE(base64_decode(std::string_view("Zm9\0", 4)));
}

// RFC 6120 §6.4.2
TEST(SaslPayload, IsEmptyAsAnEqualsSign) {
  EXPECT_EQ(sasl_payload_encode(""), "=");
  EXPECT_EQ(sasl_payload_encode("f"), "Zg==");
  EXPECT_EQ(sasl_payload_decode("=").value(), "");
  EXPECT_EQ(sasl_payload_decode("").value(), "");
  EXPECT_EQ(sasl_payload_decode("Zg==").value(), "f");
}

TEST(SaslPayload, IsRefusedByTheConditionThatFits) {
  EXPECT_EQ(sasl_payload_decode("Zg").error(), SaslError::incorrect_encoding);
  EXPECT_EQ(sasl_payload_decode("Zh==").error(), SaslError::incorrect_encoding);
  EXPECT_EQ(sasl_payload_decode(std::string(8'192, 'A')).value().size(), 6'144u);
  EXPECT_EQ(sasl_payload_decode(std::string(8'196, 'A')).error(), SaslError::malformed_request);
}

}  // namespace
}  // namespace xmpp
