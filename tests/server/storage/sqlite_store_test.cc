#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "server/storage/open_storage.h"
#include "tests/server/storage/recorded_storage_events.h"

namespace server {
namespace {

class SqliteStore : public testing::Test {
 protected:
  SqliteStore() {
    const char* folder = std::getenv("TEST_TMPDIR");
    folder_ = std::string(folder != nullptr ? folder : "/tmp") + "/" +
              testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    options_.sqlite_path = folder_ + "/meerkat.db";
  }

  RecordedStorageEvents events_;
  StorageOptions options_;
  std::string folder_;
};

// hardening T5: whoever reads the keys can try passwords at leisure.
TEST_F(SqliteStore, IsReadableByItsOwnerOnly) {
  auto store = open_storage(options_, events_);
  ASSERT_TRUE(store.has_value());
  for (const auto& file : std::filesystem::directory_iterator(folder_)) {
    struct stat status {};
    ASSERT_EQ(stat(file.path().c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, 0600U) << file.path();
  }
  (*store)->stop();
}

TEST_F(SqliteStore, SaysWhyItsFileCannotBeOpened) {
  options_.sqlite_path = folder_ + "/absent/meerkat.db";
  const auto absent = open_storage(options_, events_);
  ASSERT_TRUE(absent.has_error());
  EXPECT_EQ(absent.error().error, StorageErrc::unavailable);
  EXPECT_NE(absent.error().detail.find(options_.sqlite_path), std::string::npos);

  options_.sqlite_path = folder_ + "/text.db";
  std::ofstream(options_.sqlite_path) << std::string(4'096, 'x');
  const auto text = open_storage(options_, events_);
  ASSERT_TRUE(text.has_error());
  EXPECT_EQ(text.error().error, StorageErrc::broken);
  EXPECT_NE(text.error().detail.find("not a database"), std::string::npos) << text.error().detail;
}

TEST_F(SqliteStore, IsNotMadeWhenMigrationIsOff) {
  options_.schema = SchemaPolicy::keep;
  const auto store = open_storage(options_, events_);
  ASSERT_TRUE(store.has_error());
  EXPECT_EQ(store.error().error, StorageErrc::schema_outdated);
}

}  // namespace
}  // namespace server
