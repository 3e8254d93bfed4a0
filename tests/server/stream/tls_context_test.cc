#include "server/stream/tls_context.h"

#include <gtest/gtest.h>

#include "tests/support/authority.h"

namespace server {
namespace {

class TlsContextTest : public testing::Test {
 protected:
  static std::string fault(const std::string& certificate, const std::string& key) {
    const auto made = TlsContext::load(certificate, key);
    return made ? std::string() : made.error();
  }

  tests::Authority authority_;
  tests::IssuedFiles files_ = authority_.issue({"DNS:localhost"});
};

TEST_F(TlsContextTest, TakesACertificateWithItsKey) {
  EXPECT_EQ(fault(files_.certificate, files_.key), "");
}

TEST_F(TlsContextTest, NamesTheFileThatDoesNotDo) {
  EXPECT_EQ(fault("no such file", files_.key).find("cannot read the certificate no such file: "),
            0U);
  EXPECT_EQ(fault(files_.certificate, "no such file").find("cannot read the key no such file: "),
            0U);
}

TEST_F(TlsContextTest, SaysThatAKeyBelongsToAnotherCertificate) {
  const tests::IssuedFiles other = authority_.issue({"DNS:localhost"});
  EXPECT_EQ(fault(files_.certificate, other.key),
            "the key " + other.key + " does not belong to the certificate " + files_.certificate);
}

}  // namespace
}  // namespace server
