#include <atomic>
#include <future>
#include <string>
#include <utility>
#include <vector>

#include "server/storage/sql_document_store.h"
#include "server/storage/sql_user_store.h"
#include "tests/server/storage/both_databases.h"
#include "tests/server/storage/wait_for.h"

namespace server {
namespace {

const xmpp::Jid juliet = *xmpp::Jid::parse("juliet@localhost");
const xmpp::Jid romeo = *xmpp::Jid::parse("romeo@localhost");

Credentials credentials() {
  const auto keys = [](xmpp::ScramHash hash) {
    const std::string key(xmpp::scram_key_bytes(hash), 'k');
    return xmpp::ScramKeys{.hash = hash,
                           .salt = "salt",
                           .iterations = 4096,
                           .stored_key = xmpp::Secret(key),
                           .server_key = xmpp::Secret(key)};
  };
  return {.sha1 = keys(xmpp::ScramHash::sha1), .sha256 = keys(xmpp::ScramHash::sha256)};
}

class DocumentStoreTest : public OnBothDatabases {
 protected:
  void SetUp() override {
    OnBothDatabases::SetUp();
    users_ = std::make_unique<SqlUserStore>(*storage_);
    store_ = std::make_unique<SqlDocumentStore>(*storage_);
    for (const char* name : {"juliet", "romeo"}) create(name);
  }

  void create(const std::string& name) {
    ASSERT_FALSE(wait_for(users_->create(name, "localhost", credentials())).has_error());
  }

  std::string load(const xmpp::Jid& account, const std::string& name) {
    return wait_for(store_->load(account, name)).value();
  }

  boost::system::error_code save(const xmpp::Jid& account, const std::string& name,
                                 std::string content) {
    const auto done =
        wait_for(store_->edit(account, name, [content](std::string& document) -> Result<void> {
          document = content;
          return {};
        }));
    return done.has_error() ? done.error() : boost::system::error_code();
  }

  std::unique_ptr<SqlUserStore> users_;
  std::unique_ptr<SqlDocumentStore> store_;
};

INSTANTIATE_TEST_SUITE_P(On, DocumentStoreTest, testing::Values("sqlite", "mysql"),
                         [](const auto& info) { return info.param; });

// Hardening Q1, Q2: bytes come back as they went.
TEST_P(DocumentStoreTest, KeepsBytesUnderTheirNames) {
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);
  const std::string odd = "' OR 1=1 -- \\ % _ \U0001F600";
  EXPECT_EQ(load(juliet, "roster"), "");
  EXPECT_FALSE(save(juliet, "roster", all));
  EXPECT_FALSE(save(juliet, odd, "odd"));
  EXPECT_FALSE(save(romeo, "roster", "romeo's"));
  EXPECT_EQ(load(juliet, "roster"), all);
  EXPECT_EQ(load(juliet, odd), "odd");
  EXPECT_EQ(load(juliet, "Roster"), "");
  EXPECT_EQ(load(romeo, "roster"), "romeo's");
  EXPECT_FALSE(save(juliet, "roster", ""));
  EXPECT_EQ(load(juliet, "roster"), "");
  EXPECT_EQ(load(romeo, "roster"), "romeo's");
}

TEST_P(DocumentStoreTest, KeepsALargeOne) {
  const std::string large(5 << 20, 'x');
  EXPECT_FALSE(save(juliet, "roster", large));
  EXPECT_EQ(load(juliet, "roster"), large);
}

TEST_P(DocumentStoreTest, UndoesAChangeThatIsRefused) {
  EXPECT_FALSE(save(juliet, "roster", "before"));
  const auto done =
      wait_for(store_->edit(juliet, "roster", [](std::string& document) -> Result<void> {
        EXPECT_EQ(document, "before");
        document = "after";
        return make_error_code(StorageErrc::broken);
      }));
  EXPECT_EQ(done.error(), StorageErrc::broken);
  EXPECT_EQ(load(juliet, "roster"), "before");
}

TEST_P(DocumentStoreTest, RefusesWhatIsNobodysAndWhatCannotBeAName) {
  EXPECT_EQ(save(*xmpp::Jid::parse("nobody@localhost"), "roster", "x"), StorageErrc::no_such_user);
  EXPECT_EQ(save(juliet, "", "x"), StorageErrc::bad_key);
  EXPECT_EQ(save(juliet, std::string(1024, 'n'), "x"), StorageErrc::too_long);
  EXPECT_FALSE(save(juliet, std::string(1023, 'n'), "x"));
  EXPECT_EQ(save(*xmpp::Jid::parse("localhost"), "roster", "x"), StorageErrc::bad_key);
}

TEST_P(DocumentStoreTest, FindsAndRemovesThoseWithAPrefix) {
  for (const char* name : {"pep:a", "pep:b", "pep", "pe", "pep;", "vcard"}) {
    EXPECT_FALSE(save(juliet, name, name));
  }
  EXPECT_FALSE(save(romeo, "pep:a", "romeo's"));
  const auto found = wait_for(store_->load_all(juliet, "pep:")).value();
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].name, "pep:a");
  EXPECT_EQ(found[1].content, "pep:b");
  EXPECT_FALSE(wait_for(store_->remove_all(juliet, "pep:")).has_error());
  EXPECT_EQ(load(juliet, "pep:a"), "");
  EXPECT_EQ(load(juliet, "pep"), "pep");
  EXPECT_EQ(load(juliet, "pep;"), "pep;");
  EXPECT_EQ(load(romeo, "pep:a"), "romeo's");
}

// Hardening Q7: changes that meet take turns, and none is lost.
TEST_P(DocumentStoreTest, LosesNoneOfManyChangesAtOnce) {
  constexpr int changes = 40;
  std::vector<std::future<Result<void>>> running;
  for (int at = 0; at < changes; ++at) {
    running.push_back(std::async(std::launch::async, [this] {
      return wait_for(store_->edit(juliet, "count", [](std::string& document) -> Result<void> {
        document += 'x';
        return {};
      }));
    }));
  }
  for (auto& one : running) EXPECT_FALSE(one.get().has_error());
  EXPECT_EQ(load(juliet, "count"), std::string(changes, 'x'));
}

// Hardening Q8
TEST_P(DocumentStoreTest, LeavesNothingToWhoMakesTheAccountAnew) {
  EXPECT_FALSE(save(juliet, "roster", "hers"));
  EXPECT_FALSE(save(romeo, "roster", "his"));
  EXPECT_FALSE(wait_for(users_->remove("juliet", "localhost")).has_error());
  EXPECT_EQ(load(juliet, "roster"), "");
  EXPECT_EQ(save(juliet, "roster", "late"), StorageErrc::no_such_user);
  create("juliet");
  EXPECT_EQ(load(juliet, "roster"), "");
  EXPECT_EQ(load(romeo, "roster"), "his");
}

}  // namespace
}  // namespace server
