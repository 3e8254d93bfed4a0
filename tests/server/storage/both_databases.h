#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>

#include "server/storage/open_storage.h"
#include "tests/server/storage/recorded_storage_events.h"
#include "tests/support/mariadb.h"

namespace server {

/// For suites whose promises hold on both databases: each test has an empty one of its own.
class OnBothDatabases : public testing::TestWithParam<std::string> {
 protected:
  static void TearDownTestSuite() { server_.reset(); }

  void SetUp() override {
    std::string name = testing::UnitTest::GetInstance()->current_test_info()->name();
    name = name.substr(0, name.find('/'));
    if (GetParam() == "mysql") {
      if (!server_) server_ = std::make_unique<tests::MariaDb>();
      server_->create_database(name);
      options_.mysql = MysqlStorageOptions{.port = server_->port(),
                                           .user = server_->user(),
                                           .password = server_->password(),
                                           .database = name,
                                           .connections = 4};
    } else {
      const char* folder = std::getenv("TEST_TMPDIR");
      options_.sqlite_path = std::string(folder != nullptr ? folder : "/tmp") + "/" + name + ".db";
      std::filesystem::remove(options_.sqlite_path);
    }
    storage_ = open();
  }

  void TearDown() override {
    if (storage_) storage_->stop();
  }

  /// The test's database again: as another node on MySQL, after a restart on either.
  std::unique_ptr<Storage> open() {
    auto opened = open_storage(options_, events_);
    if (opened.has_error()) {
      ADD_FAILURE() << opened.error().error.message() << ": " << opened.error().detail;
      std::abort();
    }
    return std::move(*opened);
  }

  static inline std::unique_ptr<tests::MariaDb> server_;
  RecordedStorageEvents events_;
  StorageOptions options_;
  std::unique_ptr<Storage> storage_;
};

}  // namespace server
