#include "server/storage/credentials.h"

#include <gtest/gtest.h>

#include "server/storage/blocking_pool.h"
#include "tests/server/storage/wait_for.h"

namespace server {
namespace {

// hardening T1
TEST(Credentials, AreTenThousandRoundsOverFreshSalts) {
  const Result<Credentials> one = derive_credentials("r0m30myr0m30");
  const Result<Credentials> two = derive_credentials("r0m30myr0m30");
  ASSERT_TRUE(one.has_value());
  ASSERT_TRUE(two.has_value());
  EXPECT_GE(one->sha1->iterations, 10'000U);
  EXPECT_GE(one->sha256->iterations, 10'000U);
  EXPECT_GE(one->sha1->salt.size(), 16U);
  EXPECT_NE(one->sha1->salt, one->sha256->salt);
  EXPECT_NE(one->sha1->salt, two->sha1->salt);
  EXPECT_FALSE(one->sha256->stored_key.same_as(two->sha256->stored_key.reveal()));
}

TEST(Credentials, FitTheirPasswordAndNoOther) {
  BlockingPool pool({.threads = 1});
  const auto made = wait_for(make_credentials(pool, xmpp::Secret("r0m30myr0m30")));
  ASSERT_TRUE(made.has_value());
  EXPECT_TRUE(xmpp::is_password_of(*made->sha1, "r0m30myr0m30"));
  EXPECT_TRUE(xmpp::is_password_of(*made->sha256, "r0m30myr0m30"));
  EXPECT_FALSE(xmpp::is_password_of(*made->sha256, "r0m30myr0m31"));
}

TEST(Credentials, AreNotMadeOfWhatIsNoPassword) {
  for (const std::string& password :
       {std::string(), std::string(1'024, 'x'), std::string("a\0b", 3), std::string("\xff")}) {
    EXPECT_EQ(derive_credentials(password).error(), StorageErrc::bad_password);
  }
}

}  // namespace
}  // namespace server
