#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "server/storage/open_storage.h"
#include "server/storage/schema.h"
#include "server/storage/sql_user_store.h"
#include "tests/server/storage/recorded_storage_events.h"
#include "tests/server/storage/wait_for.h"
#include "tests/support/mariadb.h"

namespace server {
namespace {

using namespace std::chrono_literals;
using tests::MariaDb;

// What only a server can do to us: go away, stall, deny, be set up oddly.
class MysqlStore : public testing::Test {
 protected:
  static void SetUpTestSuite() { server_ = std::make_unique<MariaDb>(); }
  static void TearDownTestSuite() { server_.reset(); }

  void SetUp() override {
    database_ = testing::UnitTest::GetInstance()->current_test_info()->name();
    server_->create_database(database_);
    options_.mysql = MysqlStorageOptions{.port = server_->port(),
                                         .user = server_->user(),
                                         .password = server_->password(),
                                         .database = database_,
                                         .connections = 3,
                                         .connect_timeout = 1s,
                                         .query_timeout = 1s,
                                         .retry_interval = 50ms};
    options_.wait_max = 2s;
  }

  std::unique_ptr<Storage> open() {
    auto opened = open_storage(options_, events_);
    if (opened.has_error()) {
      ADD_FAILURE() << opened.error().error.message() << ": " << opened.error().detail;
      return nullptr;
    }
    return std::move(*opened);
  }

  OpenFailure failure() {
    auto opened = open_storage(options_, events_);
    if (opened.has_error()) return opened.error();
    (*opened)->stop();
    ADD_FAILURE() << "the store opened";
    return {};
  }

  static SqlUserStore users(Storage& storage) { return SqlUserStore(storage); }

  static Credentials some_keys() {
    static const Credentials credentials = derive_credentials("secret").value();
    return credentials;
  }

  static inline std::unique_ptr<MariaDb> server_;
  std::string database_;
  RecordedStorageEvents events_;
  StorageOptions options_;
};

// design.md G5: recovery needs no hand.
TEST_F(MysqlStore, GoesOnByItselfAfterTheServerWasStoppedOrKilled) {
  auto storage = open();
  ASSERT_TRUE(storage);
  ASSERT_TRUE(wait_for(users(*storage).create("juliet", "localhost", some_keys())).has_value());
  for (const bool in_order : {true, false}) {
    events_.clear();
    in_order ? server_->stop() : server_->kill();
    EXPECT_EQ(wait_for(users(*storage).find("juliet", "localhost")).error(),
              StorageErrc::unavailable);
    EXPECT_TRUE(events_.wait_for_event("lost: meerkat@127.0.0.1:"));
    EXPECT_FALSE(storage->available());
    EXPECT_FALSE(storage->status().last_failure.empty());

    server_->start();
    EXPECT_TRUE(events_.wait_for_event("back"));
    EXPECT_TRUE(storage->available());
    EXPECT_TRUE(wait_for(users(*storage).exists("juliet", "localhost")).value());
    EXPECT_EQ(events_.count("lost"), 1U) << events_.all();
  }
  storage->stop();
}

TEST_F(MysqlStore, FindsARestartThatNobodySawWithoutAFailedCall) {
  auto storage = open();
  ASSERT_TRUE(storage);
  ASSERT_TRUE(wait_for(users(*storage).create("juliet", "localhost", some_keys())).has_value());
  server_->stop();
  server_->start();
  EXPECT_TRUE(wait_for(users(*storage).exists("juliet", "localhost")).value());
  server_->stop();
  server_->start();
  EXPECT_TRUE(wait_for(users(*storage).create("romeo", "localhost", some_keys())).has_value());
  EXPECT_EQ(events_.count("lost"), 0U) << events_.all();
  storage->stop();
}

// hardening Q6
TEST_F(MysqlStore, AnswersEveryCallInTimeWhileTheServerStalls) {
  auto storage = open();
  ASSERT_TRUE(storage);
  ASSERT_TRUE(wait_for(users(*storage).create("juliet", "localhost", some_keys())).has_value());
  server_->stall();
  const auto begun = std::chrono::steady_clock::now();
  asio::io_context loop;
  std::vector<std::future<Result<bool>>> answers;
  for (int n = 0; n < 200; ++n) {
    answers.push_back(
        asio::co_spawn(loop, users(*storage).exists("juliet", "localhost"), asio::use_future));
  }
  loop.run();
  for (auto& answer : answers) EXPECT_EQ(answer.get().error(), StorageErrc::unavailable);
  // Three threads and 200 calls: those behind the first ones do not each wait for a time limit.
  EXPECT_LT(std::chrono::steady_clock::now() - begun, 20s);
  EXPECT_FALSE(storage->available());
  server_->resume();
  EXPECT_TRUE(events_.wait_for_event("back"));
  EXPECT_TRUE(wait_for(users(*storage).exists("juliet", "localhost")).value());
  storage->stop();
}

TEST_F(MysqlStore, RefusesCallsAtOnceWhenTooManyWait) {
  options_.queue_max = 5;
  auto storage = open();
  ASSERT_TRUE(storage);
  server_->stall();
  asio::io_context loop;
  std::vector<std::future<Result<bool>>> answers;
  for (int n = 0; n < 20; ++n) {
    answers.push_back(
        asio::co_spawn(loop, users(*storage).exists("juliet", "localhost"), asio::use_future));
  }
  loop.run();
  int busy = 0;
  for (auto& answer : answers) busy += answer.get().error() == StorageErrc::busy ? 1 : 0;
  EXPECT_GE(busy, 20 - 5 - 3);
  EXPECT_EQ(storage->status().errors.at("busy"), static_cast<std::uint64_t>(busy));
  EXPECT_EQ(events_.count("failed"), 20U) << events_.all();  // The others: away, or too slow.
  server_->resume();
  EXPECT_TRUE(events_.wait_for_event("back"));
  storage->stop();
}

TEST_F(MysqlStore, SaysWhoIsDeniedWhereWithoutThePassword) {
  options_.mysql->password = "canary";
  const OpenFailure denied = failure();
  EXPECT_EQ(denied.error, StorageErrc::access_denied);
  EXPECT_NE(denied.detail.find("meerkat@127.0.0.1:"), std::string::npos) << denied.detail;
  EXPECT_EQ(denied.detail.find("canary"), std::string::npos) << denied.detail;
}

TEST_F(MysqlStore, SaysThatTheServerIsNotThere) {
  options_.mysql->port = 1;
  EXPECT_EQ(failure().error, StorageErrc::unavailable);
}

TEST_F(MysqlStore, SaysThatItsDatabaseIsNotThere) {
  options_.mysql->database = "absent";
  const OpenFailure absent = failure();
  EXPECT_TRUE(absent.error == StorageErrc::broken || absent.error == StorageErrc::access_denied);
  EXPECT_NE(absent.detail.find("absent"), std::string::npos) << absent.detail;
}

TEST_F(MysqlStore, DoesNotMigrateWhenToldNotTo) {
  options_.schema = SchemaPolicy::keep;
  EXPECT_EQ(failure().error, StorageErrc::schema_outdated);
  EXPECT_EQ(server_->sql("SHOW TABLES", database_), "");
}

// hardening Q3: somebody made the table by hand.
TEST_F(MysqlStore, RefusesATableWhoseKeysIgnoreCase) {
  auto storage = open();
  ASSERT_TRUE(storage);
  storage->stop();
  server_->sql(
      "ALTER TABLE users MODIFY localpart VARCHAR(250) COLLATE utf8mb4_general_ci NOT NULL",
      database_);
  const OpenFailure unfit = failure();
  EXPECT_EQ(unfit.error, StorageErrc::schema_unfit);
  EXPECT_NE(unfit.detail.find("VARBINARY"), std::string::npos) << unfit.detail;
}

TEST_F(MysqlStore, IsMadeOnceByNodesThatStartAtOnce) {
  std::vector<std::unique_ptr<Storage>> storages(4);
  std::vector<std::thread> threads;
  for (auto& storage : storages) {
    threads.emplace_back([this, &storage] { storage = open(); });
  }
  for (std::thread& thread : threads) thread.join();
  for (auto& storage : storages) {
    ASSERT_TRUE(storage);
    EXPECT_TRUE(wait_for(users(*storage).exists("juliet", "localhost")).has_value());
    storage->stop();
  }
  EXPECT_EQ(events_.count("migrated"), 1U) << events_.all();
  EXPECT_EQ(server_->sql("SELECT COUNT(*) FROM schema_version", database_),
            std::to_string(schema_version()) + "\n");
}

// hardening Q1: the statements are prepared, so the server's way to read literals is all the same.
TEST_F(MysqlStore, ReadsNamesAlikeInEverySqlMode) {
  server_->sql("SET GLOBAL sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES,PIPES_AS_CONCAT'");
  auto storage = open();
  server_->sql("SET GLOBAL sql_mode = ''");
  ASSERT_TRUE(storage);
  for (const std::string name : {"\\", "'", "\"", "\\'", "' OR ''='"}) {
    EXPECT_TRUE(wait_for(users(*storage).create(name, "localhost", some_keys())).has_value())
        << name;
    EXPECT_TRUE(wait_for(users(*storage).exists(name, "localhost")).value()) << name;
  }
  EXPECT_EQ(server_->sql("SELECT COUNT(*) FROM users", database_), "5\n");
  storage->stop();
}

TEST_F(MysqlStore, OpensNoMoreConnectionsThanItMay) {
  auto storage = open();
  ASSERT_TRUE(storage);
  asio::io_context loop;
  std::vector<std::future<Result<bool>>> answers;
  for (int n = 0; n < 300; ++n) {
    answers.push_back(
        asio::co_spawn(loop, users(*storage).exists("juliet", "localhost"), asio::use_future));
  }
  loop.run();
  for (auto& answer : answers) EXPECT_TRUE(answer.get().has_value());
  const Storage::Status status = storage->status();
  EXPECT_EQ(status.connections_busy, 0U);
  EXPECT_LE(status.connections_idle, 3U);
  const int connected = std::stoi(server_->sql(
      "SELECT COUNT(*) FROM information_schema.processlist WHERE db = '" + database_ + "'"));
  EXPECT_EQ(static_cast<int>(status.connections_idle), connected);
  storage->stop();
}

}  // namespace
}  // namespace server
