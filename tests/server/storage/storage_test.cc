#include "server/storage/storage.h"

#include <future>
#include <string>
#include <vector>

#include "tests/server/storage/both_databases.h"
#include "tests/server/storage/wait_for.h"

namespace server {
namespace {

constexpr const char* insert_version =
    "INSERT INTO schema_version (version, applied) VALUES (?, $now)";

// The seam on which each feature's store stands, tried on a table that is always there.
class StorageTest : public OnBothDatabases {
 protected:
  std::uint64_t count() {
    const auto work = [](SqlConnection& db) -> Result<std::uint64_t> {
      const auto rows = db.query("SELECT COUNT(*) FROM schema_version WHERE version >= ?",
                                 {std::uint64_t{1'000}});
      return rows->next() ? rows->number(0) : 0;
    };
    return wait_for(storage_->run("count", Repeat::safe, work)).value();
  }
};

INSTANTIATE_TEST_SUITE_P(On, StorageTest, testing::Values("sqlite", "mysql"),
                         [](const auto& info) { return info.param; });

TEST_P(StorageTest, KeepsAllOfATransactionOrNothing) {
  const auto two = [](bool fails) {
    return [fails](SqlConnection& db) -> Result<void> {
      db.change(insert_version, {std::uint64_t{1'000}});
      db.change(insert_version, {std::uint64_t{1'001}});
      if (fails) return make_error_code(StorageErrc::no_such_user);
      return {};
    };
  };
  EXPECT_EQ(wait_for(storage_->transact("two", Repeat::unsafe, two(true))).error(),
            StorageErrc::no_such_user);
  EXPECT_EQ(count(), 0U);
  EXPECT_TRUE(wait_for(storage_->transact("two", Repeat::unsafe, two(false))).has_value());
  EXPECT_EQ(count(), 2U);
}

TEST_P(StorageTest, UndoesATransactionWhoseStatementFails) {
  const auto twice = [](SqlConnection& db) -> Result<void> {
    db.change(insert_version, {std::uint64_t{1'000}});
    db.change(insert_version, {std::uint64_t{1'000}});
    return {};
  };
  EXPECT_EQ(wait_for(storage_->transact("twice", Repeat::unsafe, twice)).error(),
            StorageErrc::conflict);
  EXPECT_EQ(count(), 0U);
  // Outside of one, the first statement stands.
  EXPECT_EQ(wait_for(storage_->run("twice", Repeat::unsafe, twice)).error(), StorageErrc::conflict);
  EXPECT_EQ(count(), 1U);
}

// Two nodes, or two threads of one, that wait for each other's rows: one of them starts again.
TEST_P(StorageTest, RepeatsATransactionThatMetAnother) {
  const auto fill = [](SqlConnection& db) -> Result<void> {
    for (std::uint64_t version = 1'000; version < 1'002; ++version) {
      db.change(insert_version, {version});
    }
    return {};
  };
  ASSERT_TRUE(wait_for(storage_->transact("fill", Repeat::unsafe, fill)).has_value());
  const auto touch = [](std::uint64_t first, std::uint64_t second) {
    return [first, second](SqlConnection& db) -> Result<std::uint64_t> {
      constexpr const char* update = "UPDATE schema_version SET applied = $now WHERE version = ?";
      return db.change(update, {first}) + db.change(update, {second});
    };
  };
  asio::io_context loop;
  std::vector<std::future<Result<std::uint64_t>>> answers;
  for (int n = 0; n < 200; ++n) {
    const auto first = std::uint64_t(1'000 + n % 2);
    const auto second = std::uint64_t(1'001 - n % 2);
    answers.push_back(asio::co_spawn(
        loop, storage_->transact("touch", Repeat::safe, touch(first, second)), asio::use_future));
  }
  loop.run();
  for (auto& answer : answers) EXPECT_EQ(answer.get().value(), 2U);
}

}  // namespace
}  // namespace server
