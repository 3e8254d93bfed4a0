// What is exported, imported elsewhere and exported again is the same, to the byte.

#include <gtest/gtest.h>

#include <functional>
#include <random>

#include "server/storage/account_rows.h"
#include "server/storage/archive_prefs.h"
#include "server/storage/document_names.h"
#include "server/transfer/forms.h"
#include "tests/server/transfer/transferring.h"
#include "xmpp/escape.h"
#include "xmpp/sasl/scram.h"

namespace server {
namespace {

/// Accounts that hold a bit of everything, with the signs that are easiest to lose.
class Anything {
 public:
  explicit Anything(std::uint32_t seed) : random_(seed) {}

  std::uint64_t number(std::uint64_t max) {
    return std::uniform_int_distribution<std::uint64_t>(0, max)(random_);
  }
  bool flag() { return number(1) == 1; }

  std::string text() {
    static const std::vector<std::string> parts = {
        "a",   "&",  "<",           ">",  "'",        "\"",
        "\n",  "\t", " ",           "  ", "\xC3\xA9", "\xF0\x9F\x98\x80",
        "]]>", "\r", "' OR 1=1 --", "%",  "\\"};
    std::string text = "t";
    for (std::uint64_t n = number(6); n > 0; --n) text += parts[number(parts.size() - 1)];
    return text + "e";
  }

  std::string jid() { return "c" + std::to_string(number(1'000)) + "@example.org"; }

  std::string message(const std::string& from, const std::string& to) {
    return "<message from='" + from + "/r' to='" + to + "' type='chat' id='" +
           xmpp::escape_attr(text()) + "'><body>" + xmpp::escape_text(text()) +
           "</body><x xmlns='urn:x'>" + xmpp::escape_text(text()) + "<y/></x></message>";
  }

  Credentials credentials() {
    const auto keys = [&](xmpp::ScramHash hash) {
      std::optional<xmpp::ScramKeys> made;
      if (flag()) {
        const std::size_t size = xmpp::scram_key_bytes(hash);
        made = {.hash = hash,
                .salt = xmpp::random_bytes(1 + number(40)),
                .iterations = static_cast<std::uint32_t>(1 + number(100'000)),
                .stored_key = xmpp::Secret(xmpp::random_bytes(size)),
                .server_key = xmpp::Secret(xmpp::random_bytes(size))};
      }
      return made;
    };
    return {.sha1 = keys(xmpp::ScramHash::sha1), .sha256 = keys(xmpp::ScramHash::sha256)};
  }

  Roster roster(const std::string& account) {
    std::map<std::string, RosterItem> items;
    for (std::uint64_t n = number(5); n > 0; --n) {
      RosterItem item;
      item.contact = jid();
      item.subscription = {static_cast<Half>(number(2)), static_cast<Half>(number(2)), flag()};
      item.is_listed = flag() || item.subscription.from != Half::pending;
      if (!item.is_listed) item.subscription = {Half::none, Half::pending, false};
      if (item.is_listed && flag()) item.name = text();
      if (item.is_listed && flag()) item.groups = {"a" + text(), "b" + text()};
      if (item.subscription.from == Half::pending && flag()) {
        item.request = "<presence type='subscribe' from='" + item.contact + "' to='" + account +
                       "'><status>" + xmpp::escape_text(text()) + "</status></presence>";
      }
      items[item.contact] = item;
    }
    std::vector<RosterItem> all;
    all.reserve(items.size());
    for (auto& [contact, item] : items) all.push_back(item);
    return Roster::of(std::move(all));
  }

  PepNode node() {
    PepNode node;
    node.create({.access = static_cast<PepAccess>(number(2)),
                 .items_max = 1 + number(20),
                 .is_persistent = true,
                 .sends_last = flag()});
    for (std::uint64_t n = number(4); n > 0; --n) {
      std::string payload;
      if (flag()) payload = "<p xmlns='urn:p' a='" + xmpp::escape_attr(text()) + "'/>";
      node.publish({text(), payload});
    }
    return node;
  }

 private:
  std::mt19937 random_;
};

class RoundTrip : public Transferring {
 protected:
  void change(std::string_view statement, SqlParameters parameters) {
    const auto done = database_->run(Repeat::safe, [&](SqlConnection& db) -> Result<void> {
      db.change(statement, parameters);
      return {};
    });
    ASSERT_TRUE(done.has_value()) << database_->health().last_failure;
  }

  void keep(const std::string& local, const std::string& name, const std::string& content) {
    if (content.empty()) return;
    const std::vector<SqlParameter> values = {std::string_view(local),
                                              std::string_view("localhost"), std::string_view(name),
                                              SqlBytes{content}};
    change(
        "INSERT INTO documents (localpart, domainpart, name, content, changed)"
        " VALUES (?, ?, ?, ?, $now)",
        values);
  }

  void fill(const std::string& local, Anything& any) {
    const std::string account = local + "@localhost";
    const Credentials credentials = any.credentials();
    const auto made = database_->run(Repeat::safe, [&](SqlConnection& db) -> Result<void> {
      insert_account(db, credentials, local, "localhost");
      return {};
    });
    ASSERT_TRUE(made.has_value());
    keep(local, document_names::roster, any.roster(account).to_string());
    if (any.flag()) {
      keep(local, document_names::vcard,
           "<vCard xmlns='vcard-temp'><FN>" + xmpp::escape_text(any.text()) + "</FN></vCard>");
    }
    if (any.flag()) {
      keep(local, document_names::private_xml,
           "<stored xmlns='jabber:iq:private'><a xmlns='urn:a' b='" +
               xmpp::escape_attr(any.text()) + "'/><c xmlns='urn:c'><d/></c></stored>");
    }
    BlockList blocked;
    if (any.flag() && blocked.block({any.jid(), "example.com", any.jid()}, {})) {
      keep(local, BlockList::document_name, blocked.to_string());
    }
    if (any.flag()) {
      ArchivePrefs never;
      never.by_default = ArchivePrefs::Default::never;
      keep(local, ArchivePrefs::document_name, never.to_string());
    }
    for (std::uint64_t n = any.number(3); n > 0; --n) {
      keep(local, document_names::pep_prefix + std::to_string(n) + any.text(),
           any.node().to_string());
    }
    std::uint64_t time = 1'600'000'000'000'000;
    for (std::uint64_t n = any.number(450); n > 0; --n) {
      time += any.number(2);  // Some of them of the same microsecond.
      const std::string other = any.jid();
      const bool is_sent = any.flag();
      const std::string stanza =
          is_sent ? any.message(account, other) : any.message(other, account);
      const std::vector<SqlParameter> row = {std::string_view(local),
                                             std::string_view("localhost"),
                                             time,
                                             std::uint64_t{1'000'000 - n},
                                             std::string_view(other).substr(0, other.find('@')),
                                             std::string_view("example.org"),
                                             std::string_view(is_sent ? "" : "r"),
                                             SqlBytes{stanza}};
      change(
          "INSERT INTO archive (localpart, domainpart, arrived, origin, contact_local,"
          " contact_domain, contact_resource, stanza) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
          row);
      if (is_sent || any.number(9) != 0) continue;
      const std::vector<SqlParameter> waiting = {std::string_view(local),
                                                 std::string_view("localhost"),
                                                 time,
                                                 std::uint64_t{1'000'000 - n},
                                                 std::string_view(),
                                                 SqlBytes{stanza}};
      change(
          "INSERT INTO offline_messages (localpart, domainpart, arrived, origin, holder, stanza)"
          " VALUES (?, ?, ?, ?, ?, ?)",
          waiting);
    }
  }

  /// Rows as they are in the archive, for what an export does not show.
  std::string contacts(SqlDatabase& database) {
    std::string all;
    const auto read = database.run(Repeat::safe, [&](SqlConnection& db) -> Result<void> {
      all.clear();
      const auto rows = db.query(
          "SELECT contact_local, contact_domain, contact_resource FROM archive"
          " ORDER BY localpart, arrived, origin",
          {});
      while (rows->next()) {
        all += rows->text(0) + "@" + rows->text(1) + "/" + rows->text(2) + "\n";
      }
      return {};
    });
    EXPECT_TRUE(read.has_value());
    return all;
  }
};

INSTANTIATE_TEST_SUITE_P(On, RoundTrip, testing::Values("mysql", "sqlite"));

TEST_P(RoundTrip, GivesBackAllThatWasKept) {
  const std::uint32_t seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  Anything any(seed);
  for (const char* local : {"juliet", "romeo", "j\xC3\xB6rg", "o.hara", "z"}) fill(local, any);
  const std::string first = exported();

  const auto other = open_other();
  std::istringstream file(first);
  const ImportReport report = import(*other, file);
  EXPECT_EQ(report.failure, "");
  EXPECT_TRUE(faults_.empty()) << faults_.front();
  EXPECT_TRUE(report.unknown.empty()) << report.unknown.begin()->first;
  EXPECT_EQ(exported(*other), first);
  EXPECT_EQ(contacts(*other), contacts(*database_));
}

}  // namespace
}  // namespace server
