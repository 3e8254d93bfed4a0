#include "server/storage/token_store.h"

#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "server/storage/sql_user_store.h"
#include "tests/server/storage/both_databases.h"
#include "tests/server/storage/wait_for.h"

namespace server {
namespace {

using namespace std::chrono_literals;
using xmpp::TokenMechanism;

constexpr auto lifetime = 24h;

const std::string phone = "d4565fa7-4d72-4749-b3d3-740edbf87770";
const std::string tablet = "00000000-4d72-4749-b3d3-740edbf87770";

xmpp::ScramKeys scram_keys(xmpp::ScramHash hash, char seed) {
  const std::size_t size = xmpp::scram_key_bytes(hash);
  return {.hash = hash,
          .salt = "salt",
          .iterations = 10'000,
          .stored_key = xmpp::Secret(std::string(size, seed)),
          .server_key = xmpp::Secret(std::string(size, seed))};
}

/// As a password would give them, without the work.
Credentials credentials(char seed) {
  return {.sha1 = scram_keys(xmpp::ScramHash::sha1, seed),
          .sha256 = scram_keys(xmpp::ScramHash::sha256, seed)};
}

class TokenStoreTest : public OnBothDatabases {
 protected:
  void SetUp() override {
    OnBothDatabases::SetUp();
    users_ = std::make_unique<SqlUserStore>(*storage_);
    store_ = std::make_unique<TokenStore>(*storage_, xmpp::Secret("of the cluster"), lifetime);
    EXPECT_TRUE(wait_for(users_->create("juliet", "localhost", credentials('a'))));
  }

  static TokenOwner juliet(const std::string& client = phone) {
    return {.local = "juliet", .domain = "localhost", .client = client};
  }

  xmpp::Secret issue(const std::string& client = phone,
                     TokenMechanism mechanism = TokenMechanism::none) {
    auto issued =
        wait_for(store_->issue(juliet(client), mechanism, password_key(credentials('a'))));
    if (!issued) ADD_FAILURE() << issued.error().message();
    return issued ? issued->token : xmpp::Secret();
  }

  static TokenLogin login(const xmpp::Secret& token, std::optional<std::uint64_t> count = {},
                          TokenMechanism mechanism = TokenMechanism::none) {
    return {.mechanism = mechanism, .proof = xmpp::token_proof(token, "").reveal(), .count = count};
  }

  TokenVerdict use(const TokenLogin& login, const TokenOwner& owner = juliet()) {
    return use(*store_, login, owner);
  }
  static TokenVerdict use(TokenStore& store, const TokenLogin& login,
                          const TokenOwner& owner = juliet()) {
    auto verdict = wait_for(store.use(owner, login));
    if (!verdict) ADD_FAILURE() << verdict.error().message();
    return verdict ? *std::move(verdict) : TokenVerdict{};
  }

  static bool is_good(const TokenVerdict& verdict) {
    return verdict.kind == TokenVerdict::Kind::accepted;
  }

  std::unique_ptr<SqlUserStore> users_;
  std::unique_ptr<TokenStore> store_;
};

// XEP-0484 §4.3
TEST_P(TokenStoreTest, LetsAClientInWithItsTokenAgainAndAgain) {
  const xmpp::Secret token = issue();
  for (int n = 0; n < 3; ++n) {
    const TokenVerdict verdict = use(login(token));
    ASSERT_TRUE(is_good(verdict)) << n;
    EXPECT_EQ(verdict.answer, xmpp::token_answer(token, ""));
    EXPECT_FALSE(verdict.next) << "it is not due";
  }
}

// Hardening P22: another client, account, mechanism, connection or secret, or none at all.
TEST_P(TokenStoreTest, KnowsATokenOfNobodyElse) {
  EXPECT_TRUE(wait_for(users_->create("romeo", "localhost", credentials('a'))));
  const xmpp::Secret token = issue(phone, TokenMechanism::endp);
  issue(tablet, TokenMechanism::endp);
  issue(tablet, TokenMechanism::none);
  TokenLogin good = login(token, {}, TokenMechanism::endp);
  good.binding = "certificate";
  good.proof = xmpp::token_proof(token, "certificate").reveal();

  EXPECT_FALSE(is_good(use(good, juliet(tablet))));
  EXPECT_FALSE(is_good(use(good, {"romeo", "localhost", phone})));
  EXPECT_FALSE(is_good(use(good, {"juliet", "example.org", phone})));
  EXPECT_FALSE(is_good(use(good, {"nobody", "localhost", phone})));
  EXPECT_FALSE(is_good(use(login(xmpp::Secret("guessed"), {}, TokenMechanism::endp))));
  EXPECT_FALSE(is_good(use(login(token)))) << "without the channel binding that it was made for";
  TokenLogin elsewhere = good;
  elsewhere.binding = "another certificate";
  EXPECT_FALSE(is_good(use(elsewhere)));
  TokenStore stranger(*storage_, xmpp::Secret("of another cluster"), lifetime);
  EXPECT_FALSE(is_good(use(stranger, good)));
  EXPECT_TRUE(is_good(use(good)));
}

// Hardening P22: the count grows, on every node, and cannot be left out once it was said.
TEST_P(TokenStoreTest, TakesNoCountTwice) {
  const xmpp::Secret token = issue();
  EXPECT_TRUE(is_good(use(login(token, 1))));
  EXPECT_FALSE(is_good(use(login(token, 1))));
  EXPECT_TRUE(is_good(use(login(token, 7))));
  EXPECT_FALSE(is_good(use(login(token, 6))));
  EXPECT_FALSE(is_good(use(login(token))));
  const auto again = open();
  TokenStore other(*again, xmpp::Secret("of the cluster"), lifetime);
  EXPECT_FALSE(is_good(use(other, login(token, 7)))) << "on another node, or after a restart";
  EXPECT_TRUE(is_good(use(other, login(token, 8))));
  again->stop();
}

TEST_P(TokenStoreTest, TakesOneOfManyLoginsWithOneCountAtOnce) {
  const xmpp::Secret token = issue();
  for (std::uint64_t count = 1; count <= 5; ++count) {
    std::vector<std::future<TokenVerdict>> tries;
    for (int n = 0; n < 4; ++n) {
      tries.push_back(std::async(std::launch::async, [&] { return use(login(token, count)); }));
    }
    int good = 0;
    for (auto& one : tries) good += is_good(one.get()) ? 1 : 0;
    EXPECT_EQ(good, 1) << count;
  }
}

// XEP-0484 §4.4: the former token is good until the new one was used, and from then on it is not.
TEST_P(TokenStoreTest, ChangesATokenWithoutLosingTheClient) {
  const xmpp::Secret first = issue();
  ASSERT_TRUE(is_good(use(login(first))));
  TokenLogin wish = login(first);
  wish.wanted = TokenMechanism::none;
  const TokenVerdict lost = use(wish);
  ASSERT_TRUE(lost.next) << "and its client never gets it";
  const TokenVerdict changed = use(wish);
  ASSERT_TRUE(changed.next);
  EXPECT_FALSE(is_good(use(login(lost.next->token)))) << "it was replaced, unused";
  ASSERT_TRUE(is_good(use(login(first))));
  ASSERT_TRUE(is_good(use(login(changed.next->token))));
  EXPECT_FALSE(is_good(use(login(first))));
  EXPECT_TRUE(is_good(use(login(changed.next->token))));
}

TEST_P(TokenStoreTest, RenewsATokenInTheSecondHalfOfItsLife) {
  TokenStore brief(*storage_, xmpp::Secret("of the cluster"), lifetime / 2 - 1min);
  const auto issued =
      wait_for(brief.issue(juliet(), TokenMechanism::none, password_key(credentials('a'))));
  ASSERT_TRUE(issued);
  const TokenVerdict verdict = use(login(issued->token));  // Of the one with the longer lives.
  ASSERT_TRUE(is_good(verdict));
  ASSERT_TRUE(verdict.next);
  EXPECT_GT(verdict.next->expires, issued->expires);
  EXPECT_FALSE(use(login(verdict.next->token)).next);
}

TEST_P(TokenStoreTest, SaysOfAnExpiredTokenThatItIs) {
  TokenStore past(*storage_, xmpp::Secret("of the cluster"), -1s);
  const auto issued =
      wait_for(past.issue(juliet(), TokenMechanism::none, password_key(credentials('a'))));
  ASSERT_TRUE(issued);
  EXPECT_EQ(use(login(issued->token)).kind, TokenVerdict::Kind::expired);
  EXPECT_EQ(use(login(xmpp::Secret("guessed"))).kind, TokenVerdict::Kind::refused);
}

// XEP-0484 §4.5
TEST_P(TokenStoreTest, EndsATokenOnItsClientsWord) {
  const xmpp::Secret token = issue();
  const xmpp::Secret other = issue(tablet);
  TokenLogin last = login(token);
  last.is_last = true;
  const TokenVerdict verdict = use(last);
  EXPECT_TRUE(is_good(verdict));
  EXPECT_FALSE(verdict.next);
  EXPECT_FALSE(is_good(use(login(token))));
  EXPECT_TRUE(is_good(use(login(other), juliet(tablet))));

  TokenLogin exchanged = login(issue());
  exchanged.is_last = true;
  exchanged.wanted = TokenMechanism::none;
  const TokenVerdict changed = use(exchanged);
  ASSERT_TRUE(changed.next);
  EXPECT_TRUE(is_good(use(login(changed.next->token))));
}

// Hardening P21: a token from before a new password, also one that is made meanwhile.
TEST_P(TokenStoreTest, EndsWithThePasswordAndWithTheAccount) {
  const xmpp::Secret token = issue();
  EXPECT_TRUE(wait_for(users_->set_credentials("juliet", "localhost", credentials('b'))));
  EXPECT_FALSE(is_good(use(login(token))));
  EXPECT_FALSE(is_good(use(login(issue())))) << "by a login with the old password";

  // Also where the account has come from elsewhere, with keys of one hash alone.
  Credentials one = credentials('a');
  one.sha256.reset();
  EXPECT_TRUE(wait_for(users_->set_credentials("juliet", "localhost", one)));
  const auto of_one = wait_for(store_->issue(juliet(), TokenMechanism::none, password_key(one)));
  ASSERT_TRUE(of_one);
  EXPECT_TRUE(is_good(use(login(of_one->token))));

  EXPECT_TRUE(wait_for(users_->set_credentials("juliet", "localhost", credentials('a'))));
  EXPECT_FALSE(is_good(use(login(of_one->token))));
  const xmpp::Secret another = issue();
  EXPECT_TRUE(is_good(use(login(another))));
  EXPECT_TRUE(wait_for(users_->remove("juliet", "localhost")));
  EXPECT_FALSE(is_good(use(login(another))));
  EXPECT_TRUE(wait_for(users_->create("juliet", "localhost", credentials('a'))));
  EXPECT_FALSE(is_good(use(login(another)))) << "hardening Q8: it was somebody else's";
}

TEST_P(TokenStoreTest, KeepsTheTokensOfSoManyClients) {
  const auto client = [](std::size_t n) { return "client " + std::to_string(n); };
  std::vector<xmpp::Secret> tokens;
  for (std::size_t n = 0; n < TokenStore::clients_max + 3; ++n) tokens.push_back(issue(client(n)));
  std::size_t good = 0;
  for (std::size_t n = 0; n < tokens.size(); ++n) {
    good += is_good(use(login(tokens[n]), juliet(client(n)))) ? 1 : 0;
  }
  EXPECT_EQ(good, TokenStore::clients_max);
  EXPECT_TRUE(is_good(use(login(tokens.back()), juliet(client(tokens.size() - 1)))));
}

// Hardening P22: what is stored lets nobody in.
TEST_P(TokenStoreTest, StoresNoToken) {
  const xmpp::Secret token = issue();
  auto work = [](SqlConnection& db) -> Result<std::string> {
    std::string all;
    const auto rows = db.query("SELECT client, mechanism, seed FROM login_tokens", {});
    while (rows->next()) all += rows->text(0) + rows->text(1) + rows->text(2) + "\n";
    return all;
  };
  const auto stored = wait_for(storage_->run("read", Repeat::safe, work));
  ASSERT_TRUE(stored);
  EXPECT_NE(stored->find(phone), std::string::npos);
  EXPECT_EQ(stored->find(token.reveal()), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(Databases, TokenStoreTest, testing::Values("sqlite", "mysql"),
                         [](const auto& chosen) { return chosen.param; });

}  // namespace
}  // namespace server
