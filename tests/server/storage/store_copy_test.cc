#include "server/storage/store_copy.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "server/storage/open_database.h"
#include "tests/support/mariadb.h"

namespace server {
namespace {

// Hardening Q1, Q2, X5: what no table, statement or collation may change.
constexpr std::string_view odd = "' OR 1=1 -- \\ % \xF0\x9F\x98\x80 \n";
const std::string bytes("\x00\xff\x01 bytes", 9);

class StoreCopy : public testing::Test {
 protected:
  static void SetUpTestSuite() { server_ = std::make_unique<tests::MariaDb>(); }
  static void TearDownTestSuite() { server_.reset(); }

  StoreCopy() {
    const std::string name = testing::UnitTest::GetInstance()->current_test_info()->name();
    server_->create_database(name);
    mysql_.mysql = MysqlStorageOptions{.port = server_->port(),
                                       .user = server_->user(),
                                       .password = server_->password(),
                                       .database = name,
                                       .connections = 1};
    file_.sqlite_path = path(name + ".db");
    other_file_.sqlite_path = path(name + "-other.db");
  }

  static std::string path(const std::string& name) {
    const char* folder = std::getenv("TEST_TMPDIR");
    std::string whole = std::string(folder != nullptr ? folder : "/tmp") + "/" + name;
    std::filesystem::remove(whole);
    return whole;
  }

  std::unique_ptr<SqlDatabase> open(const StorageOptions& options) {
    auto opened = open_database(options, events_);
    if (opened.has_error()) throw std::runtime_error(opened.error().detail);
    return *std::move(opened);
  }

  void change(SqlDatabase& database, std::string_view statement, SqlParameters parameters) {
    const auto done = database.run(Repeat::safe, [&](SqlConnection& connection) -> Result<void> {
      connection.change(statement, parameters);
      return {};
    });
    ASSERT_FALSE(done.has_error()) << done.error().message() << database.health().last_failure;
  }

  void add_account(SqlDatabase& database, std::string_view local) {
    const std::vector<SqlParameter> parameters = {local,           std::string_view("example.org"),
                                                  SqlBytes{bytes}, std::uint64_t{10'000},
                                                  SqlBytes{bytes}, SqlBytes{bytes},
                                                  SqlBytes{bytes}, std::uint64_t{4'294'967'295},
                                                  SqlBytes{bytes}, SqlBytes{bytes}};
    change(database,
           "INSERT INTO users (localpart, domainpart, sha1_salt, sha1_iterations, sha1_stored_key,"
           " sha1_server_key, sha256_salt, sha256_iterations, sha256_stored_key, sha256_server_key,"
           " created, changed) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, $now, $now)",
           parameters);
  }

  void add_message(SqlDatabase& database, std::string_view local, std::uint64_t arrived) {
    const std::vector<SqlParameter> parameters = {local,
                                                  std::string_view("example.org"),
                                                  arrived,
                                                  std::uint64_t{1} << 62,
                                                  std::string_view(),
                                                  SqlBytes{odd}};
    change(database,
           "INSERT INTO offline_messages (localpart, domainpart, arrived, origin, holder, stanza)"
           " VALUES (?, ?, ?, ?, ?, ?)",
           parameters);
  }

  /// One row at least in each table.
  void fill(SqlDatabase& database) {
    add_account(database, odd);
    for (std::uint64_t i = 0; i < 1'001; ++i) {
      add_message(database, i % 2 == 0 ? "juliet" : odd, i);
    }
    const std::vector<SqlParameter> document = {
        std::string_view("juliet"), std::string_view("example.org"), odd, SqlBytes{bytes}};
    change(database,
           "INSERT INTO documents (localpart, domainpart, name, content, changed)"
           " VALUES (?, ?, ?, ?, $now)",
           document);
    const std::vector<SqlParameter> message = {
        std::string_view("juliet"), std::string_view("example.org"),
        std::uint64_t{1},           std::uint64_t{2},
        std::string_view("romeo"),  std::string_view("example.org"),
        std::string_view(),         SqlBytes{bytes}};
    change(database,
           "INSERT INTO archive (localpart, domainpart, arrived, origin, contact_local,"
           " contact_domain, contact_resource, stanza) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
           message);
    const std::vector<SqlParameter> token = {std::string_view("juliet"),
                                             std::string_view("example.org"),
                                             SqlBytes{bytes},
                                             std::uint64_t{1},
                                             SqlBytes{"HT-SHA-256-NONE"},
                                             SqlBytes{bytes},
                                             std::uint64_t{1} << 40,
                                             std::uint64_t{7}};
    change(database,
           "INSERT INTO login_tokens (localpart, domainpart, client, slot, mechanism, seed,"
           " expires, used) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
           token);
  }

  /// All that a file holds, as text.
  std::vector<std::string> content(const StorageOptions& file) {
    const auto database = open(file);
    const auto all = database->run(
        Repeat::safe, [](SqlConnection& connection) -> Result<std::vector<std::string>> {
          std::vector<std::string> tables, rows;
          const auto names = connection.query(
              "SELECT name FROM sqlite_master WHERE type = 'table' AND name <> 'schema_version'",
              {});
          while (names->next()) tables.push_back(names->text(0));
          for (const std::string& table : tables) {
            std::string columns;
            const auto info = connection.query("SELECT name FROM pragma_table_info(?)",
                                               {std::string_view(table)});
            while (info->next()) {
              // Times come back with more digits behind the dot.
              const std::string column = info->text(0);
              const bool is_time = column == "changed" || column == "created";
              columns += (columns.empty() ? "" : " || '|' || ") +
                         (is_time ? "substr(" + column + ", 1, 23)" : "hex(" + column + ")");
            }
            const auto found = connection.query("SELECT " + columns + " FROM " + table, {});
            std::size_t count = 0;
            for (; found->next(); ++count) rows.push_back(table + ": " + found->text(0));
            EXPECT_GT(count, 0U) << "nothing in " << table << " to copy";
          }
          return rows;
        });
    return *all;
  }

  static inline std::unique_ptr<tests::MariaDb> server_;
  StorageEvents events_;
  StorageOptions mysql_, file_, other_file_;
};

TEST_F(StoreCopy, BringsAllThereAndBack) {
  fill(*open(file_));
  const auto there = copy_store(file_, mysql_, CopyOnto::empty_only);
  ASSERT_TRUE(there.has_value()) << there.error();
  const auto back = copy_store(mysql_, other_file_, CopyOnto::empty_only);
  ASSERT_TRUE(back.has_value()) << back.error();
  EXPECT_EQ(content(other_file_), content(file_));
}

TEST_F(StoreCopy, LeavesATargetAloneThatHoldsSomethingUnlessToldToReplaceIt) {
  add_account(*open(file_), "juliet");
  add_account(*open(mysql_), "romeo");
  const auto refused = copy_store(file_, mysql_, CopyOnto::empty_only);
  ASSERT_TRUE(refused.has_error());
  EXPECT_EQ(refused.error(), "the target is not empty: users has 1 rows");

  ASSERT_TRUE(copy_store(file_, mysql_, CopyOnto::anything).has_value());
  EXPECT_EQ(server_->sql("SELECT localpart FROM users", mysql_.mysql->database), "juliet\n");
}

// Hardening Q4: SQLite keeps a name of any length, MySQL does not.
TEST_F(StoreCopy, LeavesNothingBehindWhenSomethingCannotBeCopied) {
  const auto source = open(file_);
  add_account(*source, "juliet");
  add_account(*source, std::string(1'024, 'x'));
  const auto failed = copy_store(file_, mysql_, CopyOnto::empty_only);
  ASSERT_TRUE(failed.has_error());
  EXPECT_NE(failed.error().find("users: "), std::string::npos) << failed.error();
  EXPECT_EQ(server_->sql("SELECT COUNT(*) FROM users", mysql_.mysql->database), "0\n");
}

TEST_F(StoreCopy, SaysWhichSideIsAway) {
  add_account(*open(file_), "juliet");
  mysql_.mysql->port = 1;
  const auto failed = copy_store(file_, mysql_, CopyOnto::empty_only);
  ASSERT_TRUE(failed.has_error());
  EXPECT_EQ(failed.error().find("target: "), 0U) << failed.error();
}

TEST_F(StoreCopy, IsNotForTwoOfOneKind) {
  EXPECT_TRUE(copy_store(file_, other_file_, CopyOnto::empty_only).has_error());
}

}  // namespace
}  // namespace server
