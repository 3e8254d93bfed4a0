#include "server/config/secret.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/server/config/config_folder.h"

namespace server {
namespace {

TEST(Token, IsMadeOnceAndOnlyForItsOwner) {
  const ConfigFolder folder;
  const auto made = read_or_create_token("token");
  ASSERT_TRUE(made.has_value());
  EXPECT_EQ(made->reveal().size(), 32u);
  struct stat status;
  ASSERT_EQ(stat("token", &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  const auto again = read_or_create_token("token");
  ASSERT_TRUE(again.has_value());
  EXPECT_TRUE(made->same_as(again->reveal()));
}

TEST(SecretFile, HoldsOneLineOfBoundedLength) {
  const ConfigFolder folder;
  folder.write("longest", std::string(1023, 'x') + "\n");
  folder.write("longer", std::string(1024, 'x') + "\n");
  folder.write("two", "first\r\nsecond\n");
  EXPECT_EQ(read_secret("longest")->reveal().size(), 1023u);
  EXPECT_EQ(read_secret("longer").error().message, "longer holds more than 1,023 bytes");
  EXPECT_EQ(read_secret("two")->reveal(), "first");
}

}  // namespace
}  // namespace server
