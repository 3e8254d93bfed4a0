#include "server/storage/schema.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace server {
namespace {

// A database that only remembers, and fails where it is told to.
class FakeDatabase final : public SchemaTarget {
 public:
  SqlDialect dialect() const override { return SqlDialect::sqlite; }

  Result<void> execute(const std::string& statement) override {
    if (static_cast<int>(statements.size()) == fail_at) {
      fail_at = -1;
      return make_error_code(StorageErrc::unavailable);
    }
    statements.push_back(statement);
    if (statement.starts_with("INSERT INTO schema_version")) {
      stored_version = std::stoi(statement.substr(statement.find("VALUES (") + 8));
    }
    return {};
  }

  Result<int> version() override { return stored_version; }

  Result<void> lock() override {
    ++locks;
    return {};
  }

  Result<void> unlock(bool keep) override {
    --locks;
    kept = keep;
    return {};
  }

  std::vector<std::string> statements;
  int stored_version = 0, fail_at = -1, locks = 0;
  bool kept = false;
};

TEST(Schema, IsBroughtFromNothingToThisRelease) {
  FakeDatabase database;
  const Result<SchemaVersions> versions = update_schema(database, SchemaPolicy::migrate);
  ASSERT_TRUE(versions.has_value());
  EXPECT_EQ(versions->found, 0);
  EXPECT_EQ(versions->now, schema_version());
  EXPECT_EQ(database.locks, 0);
  EXPECT_TRUE(database.kept);
}

TEST(Schema, IsLeftAloneWhenItIsOfThisReleaseOrANewer) {
  for (const int version : {schema_version(), schema_version() + 3}) {
    FakeDatabase database;
    database.stored_version = version;
    const Result<SchemaVersions> versions = update_schema(database, SchemaPolicy::migrate);
    ASSERT_TRUE(versions.has_value());
    EXPECT_EQ(versions->now, version);
    EXPECT_TRUE(database.statements.empty());
  }
}

TEST(Schema, IsNotTouchedWhenMigrationIsOff) {
  FakeDatabase database;
  EXPECT_EQ(update_schema(database, SchemaPolicy::keep).error(), StorageErrc::schema_outdated);
  EXPECT_TRUE(database.statements.empty());
}

// hardening Q7: broken off at any statement, the next start completes it.
TEST(Schema, IsCompletedByTheNextStartWhereverTheFirstWasCutOff) {
  for (int n = 0;; ++n) {
    FakeDatabase database;
    database.fail_at = n;
    const bool completed = update_schema(database, SchemaPolicy::migrate).has_value();
    EXPECT_EQ(database.locks, 0);
    if (completed) {
      EXPECT_GT(n, 2);
      break;
    }
    EXPECT_FALSE(database.kept);
    EXPECT_TRUE(update_schema(database, SchemaPolicy::migrate).has_value()) << n;
    EXPECT_EQ(database.stored_version, schema_version());
  }
}

TEST(Schema, NumbersItsStepsWithoutAGap) {
  int expected = 1;
  for (const Migration& step : migrations()) EXPECT_EQ(step.version, expected++);
}

TEST(Schema, IsWrittenOnceForBothDatabases) {
  for (const Migration& step : migrations()) {
    for (const std::string_view statement : step.statements) {
      const std::string mysql = in_dialect(statement, SqlDialect::mysql);
      const std::string sqlite = in_dialect(statement, SqlDialect::sqlite);
      EXPECT_EQ(mysql.find('$'), std::string::npos) << mysql;
      EXPECT_EQ(sqlite.find('$'), std::string::npos) << sqlite;
    }
  }
  EXPECT_EQ(in_dialect("a $key, b $key", SqlDialect::mysql),
            "a VARBINARY(1023), b VARBINARY(1023)");
}

}  // namespace
}  // namespace server
