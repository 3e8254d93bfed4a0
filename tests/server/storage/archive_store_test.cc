#include "server/storage/archive_store.h"

#include <chrono>
#include <string>
#include <vector>

#include "server/storage/sql_document_store.h"
#include "server/storage/sql_user_store.h"
#include "tests/server/storage/both_databases.h"
#include "tests/server/storage/wait_for.h"
#include "xmpp/escape.h"
#include "xmpp/namespaces.h"
#include "xmpp/stanza.h"

namespace server {
namespace {

using Stanzas = std::vector<std::string>;

xmpp::Jid jid(const std::string& text) { return xmpp::Jid::parse(text).value(); }

const xmpp::Jid romeo = jid("romeo@localhost/orchard");
const xmpp::Jid juliet = jid("juliet@localhost");

/// Message `at`, whose stanza is its number unless it is said.
ArchivedMessage message(std::uint64_t at, const xmpp::Jid& from = romeo,
                        const xmpp::Jid& to = juliet, std::string stanza = "") {
  if (stanza.empty()) stanza = std::to_string(at);
  return {{at, 7}, from, to, xmpp::SharedText(stanza)};
}

// XEP-0313, docs/design/0015.
class ArchiveStoreTest : public OnBothDatabases {
 protected:
  void SetUp() override {
    OnBothDatabases::SetUp();
    for (const char* user : {"juliet", "romeo"}) create(user);
    archive_ = make_archive();
  }

  std::unique_ptr<ArchiveStore> make_archive(std::chrono::microseconds kept_for = {}) {
    return std::make_unique<ArchiveStore>(
        *storage_, [](const std::string& roster) { return std::vector<std::string>{roster}; },
        kept_for);
  }

  void create(const std::string& user) {
    const Credentials credentials = derive_credentials("secret").value();
    SqlUserStore users(*storage_);
    ASSERT_TRUE(wait_for(users.create(user, "localhost", credentials)).has_value());
  }

  void remove(const std::string& user) {
    SqlUserStore users(*storage_);
    ASSERT_TRUE(wait_for(users.remove(user, "localhost")).has_value());
  }

  void write_document(const xmpp::Jid& account, const std::string& name, const std::string& text) {
    SqlDocumentStore documents(*storage_);
    DocumentStore::Change change = [text](std::string& document) -> Result<void> {
      document = text;
      return {};
    };
    ASSERT_TRUE(wait_for(documents.edit(account, name, std::move(change))).has_value());
  }

  std::vector<ArchivedFor> append(std::vector<ArchivedMessage> messages) {
    return wait_for(archive_->append(std::move(messages))).value();
  }

  ArchivePage page(const ArchiveRange& range = {}, const ArchivePageOptions& options = {},
                   const xmpp::Jid& account = juliet) {
    auto page = wait_for(archive_->page(account, range, options));
    if (page.has_value()) return *page;
    ADD_FAILURE() << page.error().message();
    return {};
  }

  Stanzas stanzas(const ArchiveRange& range = {}, const ArchivePageOptions& options = {},
                  const xmpp::Jid& account = juliet) {
    Stanzas found;
    for (auto& message : page(range, options, account).messages) found.push_back(message.stanza);
    return found;
  }

  std::unique_ptr<ArchiveStore> archive_;
};

INSTANTIATE_TEST_SUITE_P(On, ArchiveStoreTest, testing::Values("sqlite", "mysql"),
                         [](const auto& info) { return info.param; });

TEST_P(ArchiveStoreTest, KeepsAMessageForBothOwnersInTheOrderOfItsId) {
  const auto outcomes =
      append({message(2), message(3, juliet, romeo, "\xf0\x9f\x98\x80"), message(1)});
  for (const ArchivedFor& outcome : outcomes) EXPECT_TRUE(outcome.sender && outcome.recipient);
  EXPECT_EQ(stanzas(), (Stanzas{"1", "2", "\xf0\x9f\x98\x80"}));
  EXPECT_EQ(stanzas({}, {}, romeo), (Stanzas{"1", "2", "\xf0\x9f\x98\x80"}));
  EXPECT_TRUE(page().is_complete);
  EXPECT_EQ(page().messages.front().id, (MessageId{1, 7}));
}

// After a lost connection nobody knows whether a batch was written: it is written again.
TEST_P(ArchiveStoreTest, KeepsOneOfAMessageThatIsWrittenTwice) {
  append({message(1)});
  append({message(1, romeo, juliet, "another"), message(2)});
  EXPECT_EQ(stanzas(), (Stanzas{"1", "2"}));
}

TEST_P(ArchiveStoreTest, WritesBatchesOfAnySize) {
  std::uint64_t at = 0;
  for (const std::size_t size : {1U, 2U, 3U, 5U, 64U, 65U, 128U, 129U, 300U}) {
    std::vector<ArchivedMessage> batch;
    while (batch.size() < size) batch.push_back(message(++at));
    append(std::move(batch));
    EXPECT_EQ(page({}, {.messages_max = 0}).count, at);
    EXPECT_EQ(page({}, {.messages_max = 0}, romeo).count, at);
  }
}

TEST_P(ArchiveStoreTest, KeepsWhatSomebodySaysToHimselfOnce) {
  append({message(1, romeo, romeo.bare()), message(2)});
  EXPECT_EQ(stanzas({}, {}, romeo), (Stanzas{"1", "2"}));
  EXPECT_EQ(stanzas({.contact = romeo.bare()}, {}, romeo), Stanzas{"1"});
}

// hardening Q8, S11
TEST_P(ArchiveStoreTest, KeepsNothingForAnAccountThatDoesNotExist) {
  const auto outcomes = append({message(1, romeo, jid("nobody@localhost"))});
  EXPECT_TRUE(outcomes.front().sender);
  EXPECT_FALSE(outcomes.front().recipient);
  create("nobody");
  EXPECT_EQ(stanzas({}, {}, jid("nobody@localhost")), Stanzas{});
}

// hardening Q8: in pieces, and what another node wrote after it goes with the next of the name.
TEST_P(ArchiveStoreTest, GoesWithItsAccount) {
  std::vector<ArchivedMessage> batch;
  for (std::uint64_t at = 1; at <= 2'500; ++at) batch.push_back(message(at));
  append(std::move(batch));
  remove("juliet");
  EXPECT_EQ(page({}, {.messages_max = 0}).count, 0U);
  EXPECT_EQ(page({}, {.messages_max = 0}, romeo).count, 2'500U);
  append({message(3'000)});  // It still takes her for somebody.
  create("juliet");
  EXPECT_EQ(page({}, {.messages_max = 0}).count, 0U);
}

// XEP-0313 §4.1: `with`, `start`, `end`, `before-id`, `after-id`
TEST_P(ArchiveStoreTest, FindsByContactTimeAndId) {
  const xmpp::Jid balcony = jid("juliet@localhost/balcony");
  append({message(10), message(20, jid("nurse@localhost"), juliet), message(30, balcony, romeo),
          message(40, jid("romeo@localhost/hall"), juliet),
          message(50, jid("romeo@elsewhere.example/orchard"), juliet)});
  const auto with = [](const std::string& contact) {
    return ArchiveRange{.contact = jid(contact)};
  };
  EXPECT_EQ(stanzas(with("romeo@localhost")), (Stanzas{"10", "30", "40"}));
  EXPECT_EQ(stanzas(with("romeo@localhost/orchard")), (Stanzas{"10", "30"}));
  EXPECT_EQ(stanzas(with("nobody@localhost")), Stanzas{});
  EXPECT_EQ(stanzas({.first = 20, .last = 40}), (Stanzas{"20", "30", "40"}));
  EXPECT_EQ(stanzas({.first = 21, .last = 39}), Stanzas{"30"});
  EXPECT_EQ(stanzas({.first = 40, .last = 20}), Stanzas{});
  EXPECT_EQ(stanzas({.after = {20, 7}, .before = {50, 7}}), (Stanzas{"30", "40"}));
  EXPECT_EQ(stanzas({.contact = romeo.bare(), .first = 11, .before = {40, 7}}), Stanzas{"30"});
  EXPECT_EQ(stanzas({.ids = {{40, 7}, {10, 7}, {40, 7}}}), (Stanzas{"10", "40"}));
}

TEST_P(ArchiveStoreTest, TellsMessagesOfOneMicrosecondApart) {
  for (const std::uint64_t origin : {3U, 1U, 2U}) {
    append({{{5, origin}, romeo, juliet, xmpp::SharedText(std::to_string(origin))}});
  }
  EXPECT_EQ(stanzas(), (Stanzas{"1", "2", "3"}));
  EXPECT_EQ(stanzas({.after = {5, 1}}), (Stanzas{"2", "3"}));
  EXPECT_EQ(stanzas({.before = {5, 3}}), (Stanzas{"1", "2"}));
  EXPECT_EQ(stanzas({.after = {5, 1}, .before = {5, 3}}), Stanzas{"2"});
}

// XEP-0059 §2: in both directions, and as new messages come.
TEST_P(ArchiveStoreTest, IsPagedThroughFromBothEnds) {
  for (std::uint64_t at = 1; at <= 5; ++at) append({message(at)});
  const ArchivePageOptions two{.messages_max = 2}, last_two{.from_end = true, .messages_max = 2};
  EXPECT_EQ(stanzas({}, two), (Stanzas{"1", "2"}));
  EXPECT_FALSE(page({}, two).is_complete);
  append({message(6)});
  EXPECT_EQ(stanzas({.page_after = {2, 7}}, two), (Stanzas{"3", "4"}));
  EXPECT_EQ(stanzas({.page_after = {4, 7}}, two), (Stanzas{"5", "6"}));
  EXPECT_TRUE(page({.page_after = {4, 7}}, two).is_complete);
  EXPECT_EQ(stanzas({}, last_two), (Stanzas{"5", "6"}));
  EXPECT_FALSE(page({}, last_two).is_complete);
  EXPECT_EQ(stanzas({.page_before = {3, 7}}, last_two), (Stanzas{"1", "2"}));
  EXPECT_TRUE(page({.page_before = {3, 7}}, last_two).is_complete);
  EXPECT_EQ(stanzas({.ids = {{1, 7}, {2, 7}, {3, 7}}}, last_two), (Stanzas{"2", "3"}));
}

// hardening E8
TEST_P(ArchiveStoreTest, EndsAPageThatHasTooManyBytesAfterOneMessageAtLeast) {
  for (std::uint64_t at = 1; at <= 3; ++at) append({message(at, romeo, juliet, "12345")});
  EXPECT_EQ(page({}, {.bytes_max = 10}).messages.size(), 2U);
  EXPECT_FALSE(page({}, {.bytes_max = 10}).is_complete);
  EXPECT_EQ(page({}, {.bytes_max = 1}).messages.size(), 1U);
  EXPECT_EQ(page({.ids = {{1, 7}, {2, 7}}}, {.bytes_max = 1}).messages.size(), 1U);
}

// XEP-0313 §4.1.5, §4.4: also of another's archive (hardening S9).
TEST_P(ArchiveStoreTest, KnowsWhenAnIdIsNotInTheArchive) {
  append({message(1), message(2, romeo, romeo.bare())});
  for (const MessageId id : {MessageId{2, 7}, MessageId{1, 8}, MessageId{UINT64_MAX, UINT64_MAX}}) {
    for (const ArchiveRange& range :
         {ArchiveRange{.after = id}, ArchiveRange{.before = id}, ArchiveRange{.page_after = id},
          ArchiveRange{.page_before = id}, ArchiveRange{.ids = {{1, 7}, id}}}) {
      EXPECT_EQ(wait_for(archive_->page(juliet, range, {})).error(), StorageErrc::not_found);
    }
  }
}

// XEP-0313 §5
TEST_P(ArchiveStoreTest, KnowsItsFirstAndItsLastMessage) {
  EXPECT_FALSE(wait_for(archive_->ends(juliet)).value());
  for (const std::uint64_t at : {2U, 1U, 3U}) append({message(at)});
  const auto ends = wait_for(archive_->ends(juliet)).value();
  ASSERT_TRUE(ends);
  EXPECT_EQ(ends->first, (MessageId{1, 7}));
  EXPECT_EQ(ends->last, (MessageId{3, 7}));
}

// XEP-0441 §2, §4
TEST_P(ArchiveStoreTest, KeepsWhatItsOwnerWants) {
  const auto takes = [&](const std::string& prefs, const xmpp::Jid& from) {
    write_document(juliet, ArchivePrefs::document_name, prefs);
    archive_->forget_prefs(juliet);
    static std::uint64_t at = 0;
    return append({message(++at, from)}).front().recipient;
  };
  const auto prefs = [](const std::string& by_default, const std::string& always,
                        const std::string& never) {
    return "<prefs xmlns='urn:xmpp:mam:2' default='" + by_default + "'><always>" + always +
           "</always><never>" + never + "</never></prefs>";
  };
  const std::string romeo_listed = "<jid>romeo@localhost</jid>";
  EXPECT_TRUE(takes(prefs("always", "", ""), romeo));
  EXPECT_FALSE(takes(prefs("never", "", ""), romeo));
  EXPECT_TRUE(takes(prefs("never", romeo_listed, ""), romeo));
  EXPECT_FALSE(takes(prefs("always", "", romeo_listed), romeo));
  EXPECT_FALSE(takes(prefs("always", "", "<jid>romeo@localhost/orchard</jid>"), romeo));
  EXPECT_TRUE(takes(prefs("always", "", "<jid>romeo@localhost/hall</jid>"), romeo));
  write_document(juliet, "roster", "romeo@localhost");
  EXPECT_TRUE(takes(prefs("roster", "", ""), romeo));
  EXPECT_FALSE(takes(prefs("roster", "", ""), jid("nurse@localhost/hall")));
  EXPECT_FALSE(takes(prefs("roster", "", romeo_listed), romeo));
  EXPECT_TRUE(takes("no prefs at all", romeo));
}

// hardening S12, XEP-0191
TEST_P(ArchiveStoreTest, KeepsNothingFromWhomItsOwnerBlocks) {
  BlockList list;
  ASSERT_TRUE(list.block({"romeo@localhost"}, {}));
  write_document(juliet, BlockList::document_name, list.to_string());
  const auto outcomes = append({message(1), message(2, jid("nurse@localhost"))});
  EXPECT_FALSE(outcomes[0].recipient);
  EXPECT_TRUE(outcomes[0].sender);
  EXPECT_TRUE(outcomes[1].recipient);
}

/// A message as it is archived, with this id.
ArchivedMessage said(std::uint64_t at, const std::string& id, const xmpp::Jid& from = romeo,
                     const xmpp::Jid& to = juliet, const std::string& content = "<body>hi</body>") {
  std::string text = "<message type='chat' from='";
  text.append(from.str()).append("' to='").append(to.str()).append("' id='");
  text.append(xmpp::escape_attr(id)).append("'>").append(content).append("</message>");
  return message(at, from, to, text);
}

ArchivedMessage taken_back(std::uint64_t at, const std::string& target,
                           const xmpp::Jid& from = romeo, const xmpp::Jid& to = juliet) {
  return said(at, "r" + std::to_string(at), from, to,
              "<retract xmlns='urn:xmpp:message-retract:1' id='" + xmpp::escape_attr(target) +
                  "'/><body>He took it back.</body>");
}

// XEP-0424 §4, §5: in both archives; who wrote it to whom stays, what it said goes.
TEST_P(ArchiveStoreTest, PutsATombstoneWhereAMessageWasTakenBack) {
  const std::string odd = "<'&\"\xc3\xa9";
  append({said(1, "m1"), said(2, "m2"), said(3, odd)});
  for (const auto& [at, target] : {std::pair(4U, std::string("m1")), std::pair(5U, odd)}) {
    const auto outcomes = append({taken_back(at, target)});
    EXPECT_TRUE(outcomes.front().is_retraction);
    EXPECT_EQ(wait_for(archive_->retract(taken_back(at, target))).value(), 2U) << target;
  }
  for (const xmpp::Jid& owner : {juliet, romeo}) {
    const Stanzas left = stanzas({}, {}, owner);
    ASSERT_EQ(left.size(), 5U);
    const auto first = xmpp::Stanza::parse(left[0]).value();
    EXPECT_EQ(first.from(), romeo.str());
    EXPECT_EQ(first.to(), juliet.str());
    EXPECT_EQ(first.type(), "chat");
    EXPECT_EQ(first.id(), "m1");
    EXPECT_FALSE(first.root().child("body", xmpp::ns::client));
    const auto gone = first.root().child("retracted", xmpp::ns::retraction);
    EXPECT_EQ(gone.attr("id"), "r4");
    EXPECT_EQ(gone.attr("stamp"), "1970-01-01T00:00:00.000Z");
    EXPECT_EQ(left[1], said(2, "m2").stanza);
    EXPECT_EQ(xmpp::Stanza::parse(left[2]).value().id(), odd);
    EXPECT_EQ(left[2].find("<body"), std::string::npos) << left[2];
    EXPECT_EQ(left[3], taken_back(4, "m1").stanza);
  }
}

// hardening S10
TEST_P(ArchiveStoreTest, LeavesWhatAnotherWroteOrAnothersConversation) {
  append({said(1, "m1"), said(2, "m1", romeo, jid("nurse@localhost"))});
  const auto retract = [&](const ArchivedMessage& message) {
    append({message});
    return wait_for(archive_->retract(message)).value();
  };
  EXPECT_EQ(retract(taken_back(3, "m1", jid("juliet@localhost/balcony"), romeo)), 0U);
  EXPECT_EQ(retract(taken_back(4, "m1", jid("romeo@elsewhere.example/orchard"))), 0U);
  EXPECT_EQ(retract(taken_back(5, "m2")), 0U);
  EXPECT_EQ(retract(taken_back(6, "r3")), 0U);
  EXPECT_EQ(stanzas().front(), said(1, "m1").stanza);
  // From another of his clients, yes.
  EXPECT_EQ(retract(taken_back(7, "m1", jid("romeo@localhost/hall"))), 2U);
  EXPECT_NE(stanzas().front(), said(1, "m1").stanza);
  EXPECT_EQ(stanzas({.contact = jid("nurse@localhost")}, {}, romeo),
            Stanzas{std::string(said(2, "m1", romeo, jid("nurse@localhost")).stanza)});
}

// After a lost connection it is said again; and ids of some clients come twice.
TEST_P(ArchiveStoreTest, TakesBackTheNewestOfAnIdAndThatOnce) {
  append({said(1, "m1"), said(2, "m1"), taken_back(3, "m1"), said(4, "m1")});
  EXPECT_EQ(wait_for(archive_->retract(taken_back(3, "m1"))).value(), 2U);
  EXPECT_EQ(wait_for(archive_->retract(taken_back(3, "m1"))).value(), 0U);
  const Stanzas left = stanzas();
  EXPECT_EQ(left[0], said(1, "m1").stanza);
  EXPECT_EQ(left[1].find("<body"), std::string::npos) << left[1];
  EXPECT_EQ(left[3], said(4, "m1").stanza);
  // A retraction is no message that could be taken back, and one without an id of its own is none.
  append({taken_back(5, "r3")});
  EXPECT_EQ(wait_for(archive_->retract(taken_back(5, "r3"))).value(), 0U);
  const auto nameless =
      said(6, "", romeo, juliet, "<retract xmlns='urn:xmpp:message-retract:1' id='m1'/>");
  EXPECT_FALSE(append({nameless}).front().is_retraction);
}

// In pieces, each account's; what is younger stays, and what is older is not shown before it goes.
TEST_P(ArchiveStoreTest, ForgetsWhatIsOlderThanItIsToBeKept) {
  const auto now =
      static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(
                                     std::chrono::system_clock::now().time_since_epoch())
                                     .count());
  const auto hour = std::chrono::microseconds(std::chrono::hours(1));
  const auto old = now - 2 * static_cast<std::uint64_t>(hour.count());
  std::vector<ArchivedMessage> batch;
  for (std::uint64_t n = 0; n < 1'200; ++n) batch.push_back(message(old + n));
  batch.push_back(message(old - 1, romeo, jid("nobody@localhost")));
  batch.push_back(message(now, romeo, juliet, "new"));
  append(std::move(batch));
  archive_ = make_archive(hour);
  EXPECT_EQ(stanzas(), Stanzas{"new"});
  EXPECT_EQ(page({}, {.messages_max = 0}, romeo).count, 1U);
  EXPECT_EQ(stanzas({.ids = {{old, 7}}}), Stanzas{});
  EXPECT_EQ(wait_for(archive_->ends(juliet)).value()->first, (MessageId{now, 7}));

  std::uint64_t deleted = 0, accounts = 0, steps = 0;
  std::optional<xmpp::Jid> place;
  for (bool is_done = false; !is_done && steps < 100; ++steps) {
    const auto step = wait_for(archive_->expire(place)).value();
    EXPECT_LE(step.messages, 1'000U);
    deleted += step.messages;
    accounts += step.accounts;
    place = step.place;
    is_done = step.is_done;
  }
  EXPECT_EQ(deleted, 2'401U);
  EXPECT_EQ(accounts, 2U);
  EXPECT_GE(steps, 4U);
  archive_ = make_archive();
  EXPECT_EQ(stanzas(), Stanzas{"new"});
  EXPECT_EQ(stanzas({}, {}, romeo), Stanzas{"new"});
}

// hardening Q1
TEST_P(ArchiveStoreTest, TakesWhatLooksLikeSqlAsDataLikeAnyOther) {
  const std::string odd = "' OR 1=1 -- \\ % $key ?";
  append({message(1, jid("romeo@localhost/" + odd), juliet, odd), message(2)});
  EXPECT_EQ(stanzas({.contact = jid("romeo@localhost/" + odd)}), Stanzas{odd});
}

}  // namespace
}  // namespace server
