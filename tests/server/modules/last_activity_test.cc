// Last activity (XEP-0012) as clients see it.

#include <gtest/gtest.h>

#include <string>

#include "tests/server/presence/one_node.h"

namespace server {
namespace {

class LastActivityTest : public OneNode {
 protected:
  /// "SECONDS STATUS" or the error's condition; "asked" if it came to `session` instead.
  std::string ask(Client& client, const std::string& to, Client* session = nullptr) {
    client.take();
    if (session != nullptr) session->take();
    send(client, "<iq type='get' id='l' to='" + to + "'><query xmlns='jabber:iq:last'/></iq>");
    if (session != nullptr && session->take() == Stanzas{"get"}) return "asked";
    const auto answers = client.take_whole();
    if (answers.size() != 1) return std::to_string(answers.size()) + " answers";
    last_ = answers.front();
    const auto answer = xmpp::Stanza::parse(last_);
    if (answer->type() == "error") return in_short(last_).substr(6);
    const xmpp::Element query = answer->root().first_child();
    return std::string(query.attr("seconds")) + " " + query.text();
  }

  /// As if the account had gone at `at`, seconds since 1970.
  void gone(const std::string& account, std::uint64_t at, const std::string& status) {
    documents_.documents[{account, "last"}] = std::to_string(at) + "\n" + status;
  }

  std::string last_;
};

// XEP-0012 §3, §5
TEST_F(LastActivityTest, IsToldToThoseWhoSeeTheAccount) {
  auto romeo = log_in("romeo@localhost/orchard");
  auto paris = log_in("paris@localhost/palace");
  {
    auto juliet = log_in("juliet@localhost/balcony");
    befriend(*romeo, *juliet);
    EXPECT_EQ(ask(*romeo, "juliet@localhost"), "0 ");
    EXPECT_EQ(ask(*juliet, "juliet@localhost"), "0 ");
    EXPECT_EQ(ask(*romeo, "juliet@localhost/balcony", juliet.get()), "asked");
    EXPECT_EQ(ask(*paris, "juliet@localhost/balcony", juliet.get()), "forbidden");
    EXPECT_EQ(ask(*paris, "juliet@localhost"), "forbidden");
    send(*juliet, "<presence type='unavailable'><status>Heading &lt;home&gt;</status></presence>");
    EXPECT_EQ(ask(*romeo, "juliet@localhost").substr(1), " Heading <home>");
    send(*juliet, "<presence/>");
  }
  turn();
  EXPECT_EQ(ask(*romeo, "juliet@localhost").substr(1), " ");
  gone("juliet@localhost", 1'700'000'000, "asleep");
  const std::string answer = ask(*romeo, "juliet@localhost");
  EXPECT_GT(std::stoull(answer), 90'000'000U);
  EXPECT_TRUE(answer.ends_with(" asleep")) << answer;
  gone("juliet@localhost", 99'000'000'000, "");  // By a clock that is ahead.
  EXPECT_EQ(ask(*romeo, "juliet@localhost"), "0 ");
}

// Only the last session's end is the account's.
TEST_F(LastActivityTest, IsNotOfASessionThatLeavesOthersBehind) {
  auto phone = log_in("juliet@localhost/phone");
  auto desk = log_in("juliet@localhost/desk");
  send(*phone, "<presence type='unavailable'><status>phone</status></presence>");
  EXPECT_EQ((documents_.documents[{"juliet@localhost", "last"}]), "");
  EXPECT_EQ(ask(*desk, "juliet@localhost"), "0 ");
  send(*desk, "<presence type='unavailable'><status>desk</status></presence>");
  EXPECT_EQ(ask(*desk, "juliet@localhost").substr(1), " desk");
}

// Hardening S11: no such account, away, here or blocked, who may not see it hears the same.
TEST_F(LastActivityTest, IsRefusedAlikeWhateverThereIs) {
  auto paris = log_in("paris@localhost/palace");
  auto juliet = log_in("juliet@localhost/balcony");
  gone("nurse@localhost", 1'700'000'000, "asleep");
  for (const std::string resource : {"", "/balcony"}) {
    EXPECT_EQ(ask(*paris, "nobody@localhost" + resource), "forbidden");
    const std::string expected = last_;
    for (const std::string name : {"juliet", "nurse"}) {
      EXPECT_EQ(ask(*paris, name + "@localhost" + resource), "forbidden");
      std::string got = last_;
      got.replace(got.find(name), name.size(), "nobody");
      EXPECT_EQ(got, expected);
    }
  }
  befriend(*paris, *juliet);
  send(*juliet,
       "<iq type='set' id='b'><block xmlns='urn:xmpp:blocking'>"
       "<item jid='paris@localhost'/></block></iq>");
  EXPECT_EQ(ask(*paris, "juliet@localhost"), "forbidden");
}

TEST_F(LastActivityTest, OfTheServerIsHowLongItHasBeenUp) {
  auto juliet = log_in("juliet@localhost/balcony");
  EXPECT_EQ(ask(*juliet, "localhost"), "0 ");
  EXPECT_EQ(ask(*juliet, "juliet@localhost"), "0 ");
}

TEST_F(LastActivityTest, IsNotKnownWhileTheDatabaseIsAway) {
  auto juliet = log_in("juliet@localhost/balcony");
  send(*juliet, "<presence type='unavailable'/>");
  documents_.is_away = true;
  EXPECT_EQ(ask(*juliet, "juliet@localhost"), "resource-constraint");
  documents_.is_away = false;
  documents_.documents.erase({"juliet@localhost", "last"});
  EXPECT_EQ(ask(*juliet, "juliet@localhost"), "item-not-found");
}

}  // namespace
}  // namespace server
