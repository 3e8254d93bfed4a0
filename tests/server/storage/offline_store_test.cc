#include "server/storage/offline_store.h"

#include <future>
#include <string>
#include <vector>

#include "server/blocking/block_list.h"
#include "server/storage/sql_document_store.h"
#include "server/storage/sql_user_store.h"
#include "tests/server/storage/both_databases.h"
#include "tests/server/storage/wait_for.h"

namespace server {
namespace {

using What = OfflineChange::What;
using Outcomes = std::vector<OfflineOutcome>;

OfflineChange change(What what, std::uint64_t at, const std::string& stanza = "<message/>",
                     const std::string& holder = "") {
  return {.what = what,
          .local = "juliet",
          .domain = "localhost",
          .id = {at, 7},
          .holder = holder,
          .stanza = stanza};
}

// XEP-0160, docs/design/0011.
class OfflineStoreTest : public OnBothDatabases {
 protected:
  void SetUp() override {
    OnBothDatabases::SetUp();
    const Credentials credentials = derive_credentials("secret").value();
    ASSERT_TRUE(
        wait_for(SqlUserStore(*storage_).create("juliet", "localhost", credentials)).has_value());
  }

  OfflineStore store(OfflineLimits limits = {}) {
    return {*storage_, limits, [this](const std::string& holder) { return holder == alive_; }};
  }

  Outcomes apply(OfflineStore store, std::vector<OfflineChange> changes) {
    return wait_for(store.apply(std::move(changes))).value();
  }

  std::vector<std::string> claim(const std::string& holder) {
    OfflineStore claiming = store();
    std::vector<std::string> stanzas;
    for (auto& message : wait_for(claiming.claim("juliet", "localhost", holder)).value()) {
      stanzas.push_back(message.stanza);
    }
    return stanzas;
  }

  std::string alive_ = "alive";
};

using Stanzas = std::vector<std::string>;

INSTANTIATE_TEST_SUITE_P(On, OfflineStoreTest, testing::Values("sqlite", "mysql"),
                         [](const auto& info) { return info.param; });

TEST_P(OfflineStoreTest, GivesBackWhatItKeptInTheOrderOfSending) {
  EXPECT_EQ(
      apply(store(), {change(What::keep, 2, "second"), change(What::keep, 3, "\xf0\x9f\x98\x80"),
                      change(What::keep, 1, "first")}),
      Outcomes(3, OfflineOutcome::done));
  EXPECT_EQ(claim("alive"), (Stanzas{"first", "second", "\xf0\x9f\x98\x80"}));
}

TEST_P(OfflineStoreTest, KeepsOneOfAMessageThatIsKeptTwice) {
  apply(store(), {change(What::keep, 1), change(What::keep, 1)});
  EXPECT_EQ(claim("alive").size(), 1U);
}

TEST_P(OfflineStoreTest, RefusesWhatGoesOverAnAccountsLimits) {
  const OfflineLimits limits{.messages_max = 3, .bytes_max = 10};
  EXPECT_EQ(apply(store(limits), {change(What::keep, 1, "12345"), change(What::keep, 2, "12345"),
                                  change(What::keep, 3, "1")}),
            (Outcomes{OfflineOutcome::done, OfflineOutcome::done, OfflineOutcome::full}));
  EXPECT_EQ(apply(store(limits), {change(What::remove, 1), change(What::keep, 3, "1"),
                                  change(What::keep, 4, "1"), change(What::keep, 5, "1")}),
            (Outcomes{OfflineOutcome::done, OfflineOutcome::full, OfflineOutcome::full,
                      OfflineOutcome::full}));
  EXPECT_EQ(apply(store(limits), {change(What::keep, 3, "1"), change(What::keep, 4, "1"),
                                  change(What::keep, 5, "1")}),
            (Outcomes{OfflineOutcome::done, OfflineOutcome::done, OfflineOutcome::full}));
  // What is there already needs no room.
  EXPECT_EQ(apply(store(limits), {change(What::keep, 4, "1")}), Outcomes{OfflineOutcome::done});
}

TEST_P(OfflineStoreTest, KeepsNothingForAnAccountThatDoesNotExist) {
  OfflineChange stray = change(What::keep, 1);
  stray.local = "romeo";
  EXPECT_EQ(apply(store(), {stray, change(What::keep, 1)}),
            (Outcomes{OfflineOutcome::no_account, OfflineOutcome::done}));
}

// XEP-0191 §3.3, hardening S12: of who is away only the database knows whom he blocks.
TEST_P(OfflineStoreTest, KeepsNothingOfABlockedSenderButWhatANodeHolds) {
  SqlDocumentStore documents(*storage_);
  DocumentStore::Change block = [](std::string& document) -> Result<void> {
    document = "1\nromeo@localhost\n";
    return {};
  };
  ASSERT_TRUE(wait_for(documents.edit(*xmpp::Jid::parse("juliet@localhost"),
                                      BlockList::document_name, std::move(block)))
                  .has_value());
  OfflineChange romeos = change(What::keep, 1, "romeo's");
  romeos.sender = *xmpp::Jid::parse("romeo@localhost/orchard");
  OfflineChange held = change(What::keep, 2, "held", "alive");
  held.sender = romeos.sender;
  OfflineChange nurses = change(What::keep, 3, "nurse's");
  nurses.sender = *xmpp::Jid::parse("nurse@localhost/house");
  EXPECT_EQ(apply(store(), {romeos, held, nurses}),
            (Outcomes{OfflineOutcome::blocked, OfflineOutcome::done, OfflineOutcome::done}));
  alive_ = "";
  EXPECT_EQ(claim("other"), (Stanzas{"held", "nurse's"}));
}

// hardening Q8
TEST_P(OfflineStoreTest, LosesItsMessagesWithTheAccount) {
  apply(store(), {change(What::keep, 1)});
  SqlUserStore users(*storage_);
  const Credentials credentials = derive_credentials("another").value();
  ASSERT_TRUE(wait_for(users.remove("juliet", "localhost")).has_value());
  ASSERT_TRUE(wait_for(users.create("juliet", "localhost", credentials)).has_value());
  EXPECT_EQ(claim("alive"), Stanzas{});
}

TEST_P(OfflineStoreTest, LeavesAMessageToItsHolderWhileThatLives) {
  apply(store(), {change(What::keep, 1, "held", "alive"), change(What::keep, 2, "free"),
                  change(What::keep, 3, "orphan", "dead")});
  EXPECT_EQ(claim("other"), (Stanzas{"free", "orphan"}));
  alive_ = "other";
  EXPECT_EQ(claim("third"), Stanzas{"held"});
}

TEST_P(OfflineStoreTest, GivesAReleasedMessageToTheNextClaim) {
  apply(store(), {change(What::keep, 1, "one", "alive"), change(What::keep, 2, "two", "alive")});
  apply(store(), {change(What::release, 1, "", "alive"), change(What::release, 2, "", "another")});
  EXPECT_EQ(claim("other"), Stanzas{"one"});
}

TEST_P(OfflineStoreTest, KnowsWhoseMessagesANodeHolds) {
  apply(store(), {change(What::keep, 1, "", "dead"), change(What::keep, 2, "", "dead"),
                  change(What::keep, 3, "", "alive")});
  OfflineStore asking = store();
  EXPECT_EQ(wait_for(asking.accounts_held_by("dead")).value(), Stanzas{"juliet@localhost"});
  EXPECT_EQ(wait_for(asking.accounts_held_by("nobody")).value(), Stanzas{});
}

// Two nodes of the cluster, on which two clients of one account log in at once.
TEST_P(OfflineStoreTest, GivesEachMessageToOneOfManyClaims) {
  std::vector<OfflineChange> changes;
  for (std::uint64_t at = 1; at <= 50; ++at) changes.push_back(change(What::keep, at));
  apply(store(), changes);
  auto other = GetParam() == "mysql" ? open() : nullptr;
  const auto is_alive = [](const std::string&) { return true; };
  OfflineStore here(*storage_, {}, is_alive), there(other ? *other : *storage_, {}, is_alive);
  asio::io_context loop;
  std::vector<std::future<Result<std::vector<OfflineMessage>>>> answers;
  for (int n = 0; n < 8; ++n) {
    OfflineStore& claiming = n % 2 == 0 ? here : there;
    answers.push_back(
        asio::co_spawn(loop, claiming.claim("juliet", "localhost", "holder " + std::to_string(n)),
                       asio::use_future));
  }
  loop.run();
  std::size_t claimed = 0;
  for (auto& answer : answers) claimed += answer.get().value().size();
  EXPECT_EQ(claimed, 50U);
  if (other) other->stop();
}

}  // namespace
}  // namespace server
