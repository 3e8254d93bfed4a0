#include <algorithm>
#include <future>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "server/storage/sql_user_store.h"
#include "tests/server/storage/both_databases.h"
#include "tests/server/storage/wait_for.h"

namespace server {
namespace {

// Keys as a password would give them, without the work: any bytes will do, and all must come back.
Credentials keys(char seed) {
  const auto bytes = [seed](std::size_t size) {
    std::string text(size, seed);
    for (std::size_t n = 0; n < size; ++n) text[n] = static_cast<char>(seed + 37 * n);
    return text;
  };
  const auto make = [&](xmpp::ScramHash hash, std::size_t size) {
    return xmpp::ScramKeys{.hash = hash,
                           .salt = bytes(16),
                           .iterations = 10'000,
                           .stored_key = xmpp::Secret(bytes(size)),
                           .server_key = xmpp::Secret(bytes(size))};
  };
  return {.sha1 = make(xmpp::ScramHash::sha1, 20), .sha256 = make(xmpp::ScramHash::sha256, 32)};
}

bool same_keys(const xmpp::ScramKeys& one, const xmpp::ScramKeys& other) {
  return one.hash == other.hash && one.salt == other.salt && one.iterations == other.iterations &&
         one.stored_key.same_as(other.stored_key.reveal()) &&
         one.server_key.same_as(other.server_key.reveal());
}

bool same_keys(const std::optional<xmpp::ScramKeys>& one,
               const std::optional<xmpp::ScramKeys>& other) {
  return one.has_value() == other.has_value() && (!one || same_keys(*one, *other));
}

bool same_keys(const Credentials& one, const Credentials& other) {
  return same_keys(one.sha1, other.sha1) && same_keys(one.sha256, other.sha256);
}

// The same promises on both databases.
class UserStoreTest : public OnBothDatabases {
 protected:
  void SetUp() override {
    OnBothDatabases::SetUp();
    store_ = std::make_unique<SqlUserStore>(*storage_);
  }

  // Names that each are an account of their own, and none a way to another's.
  void expect_apart(const std::vector<std::string>& names) {
    for (std::size_t n = 0; n < names.size(); ++n) {
      const auto made = wait_for(store_->create(names[n], "localhost", keys(static_cast<char>(n))));
      ASSERT_TRUE(made.has_value()) << names[n] << ": " << made.error().message();
    }
    for (std::size_t n = 0; n < names.size(); ++n) {
      const auto found = wait_for(store_->find(names[n], "localhost"));
      ASSERT_TRUE(found.has_value() && found->has_value()) << names[n];
      EXPECT_TRUE(same_keys(**found, keys(static_cast<char>(n)))) << names[n];
    }
    auto sorted = names;
    std::ranges::sort(sorted);
    EXPECT_EQ(wait_for(store_->list("localhost", "", 1'000)).value(), sorted);
  }

  std::unique_ptr<UserStore> store_;
};

INSTANTIATE_TEST_SUITE_P(On, UserStoreTest, testing::Values("sqlite", "mysql"),
                         [](const auto& info) { return info.param; });

TEST_P(UserStoreTest, GivesBackWhatWasStoredToTheByte) {
  EXPECT_FALSE(wait_for(store_->find("juliet", "localhost")).value().has_value());
  EXPECT_FALSE(wait_for(store_->exists("juliet", "localhost")).value());
  ASSERT_TRUE(wait_for(store_->create("juliet", "localhost", keys('\xf0'))).has_value());
  const auto found = wait_for(store_->find("juliet", "localhost"));
  ASSERT_TRUE(found.value().has_value());
  EXPECT_TRUE(same_keys(**found, keys('\xf0')));
  EXPECT_TRUE(wait_for(store_->exists("juliet", "localhost")).value());
}

TEST_P(UserStoreTest, KeepsAnAccountThatHasKeysOfOneHashAloneOrNone) {
  Credentials sha1_only = keys('a');
  sha1_only.sha256.reset();
  ASSERT_TRUE(wait_for(store_->create("juliet", "localhost", sha1_only)).has_value());
  ASSERT_TRUE(wait_for(store_->create("romeo", "localhost", Credentials())).has_value());
  EXPECT_TRUE(same_keys(**wait_for(store_->find("juliet", "localhost")), sha1_only));
  EXPECT_TRUE(same_keys(**wait_for(store_->find("romeo", "localhost")), Credentials()));
}

TEST_P(UserStoreTest, RefusesASecondAccountOfTheSameName) {
  ASSERT_TRUE(wait_for(store_->create("juliet", "localhost", keys('a'))).has_value());
  EXPECT_EQ(wait_for(store_->create("juliet", "localhost", keys('b'))).error(),
            StorageErrc::conflict);
  EXPECT_TRUE(same_keys(*wait_for(store_->find("juliet", "localhost")).value(), keys('a')));
  EXPECT_TRUE(wait_for(store_->create("juliet", "example.org", keys('b'))).has_value());
}

TEST_P(UserStoreTest, ReplacesKeysOfAnAccountThatExists) {
  EXPECT_EQ(wait_for(store_->set_credentials("juliet", "localhost", keys('b'))).error(),
            StorageErrc::no_such_user);
  ASSERT_TRUE(wait_for(store_->create("juliet", "localhost", keys('a'))).has_value());
  // Twice the same: a row that is matched but does not change is no missing account.
  for (int n = 0; n < 2; ++n) {
    EXPECT_TRUE(wait_for(store_->set_credentials("juliet", "localhost", keys('b'))).has_value());
  }
  EXPECT_TRUE(same_keys(*wait_for(store_->find("juliet", "localhost")).value(), keys('b')));
}

// hardening Q8, as far as there are tables.
TEST_P(UserStoreTest, RemovesAnAccountWithoutATrace) {
  EXPECT_EQ(wait_for(store_->remove("juliet", "localhost")).error(), StorageErrc::no_such_user);
  ASSERT_TRUE(wait_for(store_->create("juliet", "localhost", keys('a'))).has_value());
  ASSERT_TRUE(wait_for(store_->remove("juliet", "localhost")).has_value());
  EXPECT_FALSE(wait_for(store_->find("juliet", "localhost")).value().has_value());
  EXPECT_TRUE(wait_for(store_->create("juliet", "localhost", keys('b'))).has_value());
}

TEST_P(UserStoreTest, ListsADomainPageByPage) {
  for (const std::string local : {"c", "a", "d", "b"}) {
    ASSERT_TRUE(wait_for(store_->create(local, "localhost", keys('a'))).has_value());
  }
  ASSERT_TRUE(wait_for(store_->create("aa", "example.org", keys('a'))).has_value());
  using Page = std::vector<std::string>;
  EXPECT_EQ(wait_for(store_->list("localhost", "", 3)).value(), (Page{"a", "b", "c"}));
  EXPECT_EQ(wait_for(store_->list("localhost", "c", 3)).value(), (Page{"d"}));
  EXPECT_EQ(wait_for(store_->list("localhost", "d", 3)).value(), Page{});
  EXPECT_EQ(wait_for(store_->list("nowhere.example", "", 3)).value(), Page{});
}

// hardening Q1
TEST_P(UserStoreTest, TakesWhatLooksLikeSqlAsANameLikeAnyOther) {
  expect_apart({"' OR 1=1 -- x", "' OR 1=1 --", "\\", "\\'", "%", "_", "\"", "`", ";",
                "x'; DROP TABLE users; --", "?", ":1", "$key", "\n", "\x1a"});
}

// hardening Q2
TEST_P(UserStoreTest, KeepsEveryCharacterOfUnicode) {
  expect_apart(
      {"\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80x", "\xf4\x8f\xbf\xbf", "\xef\xbf\xbd", "x\xcc\x81"});
}

// hardening Q3
TEST_P(UserStoreTest, KeepsNamesApartThatACollationWouldMerge) {
  expect_apart({"jose", "jos\xc3\xa9", "JOSE", "ss", "\xc3\x9f", "i", "\xc4\xb1", "\xc4\xb0", "I",
                "jose\xcc\x81", "\xef\xbd\x8aose", "\xc7\xb0", "\xe2\x84\xab", "\xc3\x85"});
}

// hardening Q3: blanks at the end are what some comparisons pad.
TEST_P(UserStoreTest, RefusesNamesThatADatabaseCouldReadAsOthers) {
  for (const std::string& name : {std::string(), std::string("juliet "), std::string("jul\0iet", 7),
                                  std::string("jul\xffiet"), std::string("\xed\xa0\x80")}) {
    EXPECT_EQ(wait_for(store_->create(name, "localhost", keys('a'))).error(), StorageErrc::bad_key);
    EXPECT_EQ(wait_for(store_->create("juliet", name, keys('a'))).error(), StorageErrc::bad_key);
    EXPECT_EQ(wait_for(store_->find(name, "localhost")).error(), StorageErrc::bad_key);
  }
  EXPECT_TRUE(wait_for(store_->list("localhost", "", 10)).value().empty());
}

// hardening Q4
TEST_P(UserStoreTest, RefusesRatherThanCutsALongName) {
  const std::string longest(1'023, 'x');
  expect_apart({std::string(250, 'x'), std::string(251, 'x'), longest.substr(1), longest});
  EXPECT_TRUE(wait_for(store_->create(longest, longest, keys('a'))).has_value());
  EXPECT_EQ(wait_for(store_->create(longest + "x", "localhost", keys('a'))).error(),
            StorageErrc::too_long);
  EXPECT_EQ(wait_for(store_->find(longest + "x", "localhost")).error(), StorageErrc::too_long);
  EXPECT_EQ(wait_for(store_->find("x", longest + "x")).error(), StorageErrc::too_long);
}

// hardening Q7
TEST_P(UserStoreTest, LetsOneOfFiftyEqualRegistrationsWin) {
  auto other = GetParam() == "mysql" ? open() : nullptr;  // Another node on the same database.
  asio::io_context loop;
  std::vector<std::future<Result<void>>> answers;
  for (int n = 0; n < 50; ++n) {
    SqlUserStore store(other && n % 2 == 1 ? *other : *storage_);
    answers.push_back(asio::co_spawn(
        loop, store.create("juliet", "localhost", keys(static_cast<char>(n))), asio::use_future));
  }
  loop.run();
  int winner = -1;
  for (int n = 0; n < 50; ++n) {
    const Result<void> answer = answers[n].get();
    if (answer.has_value()) {
      EXPECT_EQ(winner, -1);
      winner = n;
    } else {
      EXPECT_EQ(answer.error(), StorageErrc::conflict);
    }
  }
  ASSERT_NE(winner, -1);
  EXPECT_TRUE(same_keys(*wait_for(store_->find("juliet", "localhost")).value(),
                        keys(static_cast<char>(winner))));
  EXPECT_EQ(storage_->status().errors.at("conflict") +
                (other ? other->status().errors.at("conflict") : 0U),
            49U);
  if (other) other->stop();
}

TEST_P(UserStoreTest, FindsEverythingAgainWhenItIsOpenedAgain) {
  EXPECT_EQ(events_.count("migrated 0 "), 1U);
  ASSERT_TRUE(wait_for(store_->create("juliet", "localhost", keys('a'))).has_value());
  storage_->stop();
  options_.schema = SchemaPolicy::keep;
  storage_ = open();
  store_ = std::make_unique<SqlUserStore>(*storage_);
  EXPECT_TRUE(wait_for(store_->exists("juliet", "localhost")).value());
  EXPECT_EQ(events_.count("migrated"), 1U) << events_.all();
  EXPECT_EQ(storage_->status().schema_version, schema_version());
}

TEST_P(UserStoreTest, EndsCallsAfterItWasStopped) {
  storage_->stop();
  EXPECT_EQ(wait_for(store_->find("juliet", "localhost")).error(), StorageErrc::stopped);
}

TEST_P(UserStoreTest, ReportsHowLongCallsWaitedAndTook) {
  ASSERT_TRUE(wait_for(store_->exists("juliet", "localhost")).has_value());
  EXPECT_TRUE(events_.wait_for_event("waited"));
  EXPECT_TRUE(events_.wait_for_event("done exists"));
  EXPECT_EQ(storage_->status().kind, GetParam());
  EXPECT_TRUE(storage_->available());
}

TEST_P(UserStoreTest, ReportsEachCallThatDidNotDoItsWork) {
  ASSERT_TRUE(wait_for(store_->create("juliet", "localhost", keys('a'))).has_value());
  EXPECT_EQ(events_.count("failed"), 0U) << events_.all();
  ASSERT_TRUE(wait_for(store_->create("juliet", "localhost", keys('b'))).has_error());
  ASSERT_TRUE(wait_for(store_->find("", "localhost")).has_error());  // Never reaches the database.
  EXPECT_EQ(events_.count("failed: the account exists"), 1U) << events_.all();
  EXPECT_EQ(events_.count("failed"), 2U) << events_.all();
}

/// The tables of the database, and the columns of one with what can stand in them.
class Schema {
 public:
  Schema(Storage& storage, bool is_mysql) : storage_(storage), is_mysql_(is_mysql) {}

  std::vector<std::string> tables() {
    std::vector<std::string> names;
    for (auto& row : rows(is_mysql_ ? "SELECT table_name, '' FROM information_schema.tables"
                                      " WHERE table_schema = DATABASE()"
                                    : "SELECT name, '' FROM sqlite_master WHERE type = 'table'")) {
      names.push_back(row.first);
    }
    return names;
  }

  /// A row of the account; empty when the table has no account in it.
  std::string insertion(const std::string& table, const std::string& local) {
    std::string names, values;
    bool is_of_account = false;
    for (const auto& [name, type] :
         rows(is_mysql_ ? "SELECT column_name, data_type FROM information_schema.columns"
                          " WHERE table_schema = DATABASE() AND table_name = '" +
                              table + "'"
                        : "SELECT name, type FROM pragma_table_info('" + table + "')")) {
      is_of_account = is_of_account || name == "localpart";
      names += (names.empty() ? "" : ", ") + name;
      values += values.empty() ? "" : ", ";
      if (name == "localpart") {
        values += "'" + local + "'";
      } else if (name == "domainpart") {
        values += "'localhost'";
      } else if (type.find("int") != std::string::npos || type.find("INT") != std::string::npos) {
        values += "1";
      } else if (type == "datetime") {
        values += "'2026-01-01'";
      } else {
        values += type == "BLOB" ? "X'78'" : "'x'";
      }
    }
    return is_of_account ? "INSERT INTO " + table + " (" + names + ") VALUES (" + values + ")" : "";
  }

  std::uint64_t count(const std::string& table, const std::string& local) {
    return number("SELECT COUNT(*) FROM " + table + " WHERE localpart = '" + local +
                  "' AND domainpart = 'localhost'");
  }

  void change(const std::string& statement) {
    auto work = [statement](SqlConnection& db) -> Result<std::uint64_t> {
      return db.change(statement, {});
    };
    ASSERT_TRUE(wait_for(storage_.run("test", Repeat::unsafe, std::move(work))).has_value())
        << statement;
  }

 private:
  using Rows = std::vector<std::pair<std::string, std::string>>;

  Rows rows(const std::string& statement) {
    auto work = [statement](SqlConnection& db) -> Result<Rows> {
      Rows found;
      const auto answer = db.query(statement, {});
      while (answer->next()) found.emplace_back(answer->text(0), answer->text(1));
      return found;
    };
    return wait_for(storage_.run("test", Repeat::safe, std::move(work))).value();
  }

  std::uint64_t number(const std::string& statement) {
    auto work = [statement](SqlConnection& db) -> Result<std::uint64_t> {
      const auto answer = db.query(statement, {});
      return answer->next() ? answer->number(0) : 0;
    };
    return wait_for(storage_.run("test", Repeat::safe, std::move(work))).value();
  }

  Storage& storage_;
  const bool is_mysql_;
};

// Hardening Q8: whatever table there is, a new one too.
TEST_P(UserStoreTest, RemovesWhatAnyTableHasOfAnAccountAndOfNoOther) {
  // What says nothing of people.
  const std::set<std::string> others = {"schema_version"};
  Schema schema(*storage_, GetParam() == "mysql");
  std::vector<std::string> tables;
  for (const std::string& table : schema.tables()) {
    if (others.contains(table)) continue;
    tables.push_back(table);
    for (const std::string local : {"juliet", "romeo"}) {
      const std::string insertion = schema.insertion(table, local);
      ASSERT_NE(insertion, "") << table << " has no column `localpart`: is it of an account?";
      schema.change(insertion);
      ASSERT_EQ(schema.count(table, local), 1U) << table;
    }
  }
  ASSERT_GE(tables.size(), 3U);
  EXPECT_TRUE(wait_for(store_->remove("juliet", "localhost")).has_value());
  for (const std::string& table : tables) {
    EXPECT_EQ(schema.count(table, "juliet"), 0U) << table;
    EXPECT_EQ(schema.count(table, "romeo"), 1U) << table;
  }
}

}  // namespace
}  // namespace server
