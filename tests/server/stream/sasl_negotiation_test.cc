#include "server/stream/sasl_negotiation.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "server/storage/open_storage.h"
#include "server/storage/sql_user_store.h"
#include "tests/server/storage/wait_for.h"
#include "xmpp/sasl/base64.h"

namespace server {
namespace {

using std::string_literals::operator""s;

const std::string phone = "d4565fa7-4d72-4749-b3d3-740edbf87770";

/// Tokens in a file of the test's own.
class TokenLogins : public testing::Test {
 protected:
  TokenLogins() {
    const char* folder = std::getenv("TEST_TMPDIR");
    StorageOptions options;
    options.sqlite_path = std::string(folder != nullptr ? folder : "/tmp") + "/" +
                          testing::UnitTest::GetInstance()->current_test_info()->name() + ".db";
    std::filesystem::remove(options.sqlite_path);
    storage_ = *open_storage(options, events_);
    users_ = std::make_unique<SqlUserStore>(*storage_);
    EXPECT_TRUE(wait_for(users_->create("juliet", "localhost", credentials_)));
    tokens_ = std::make_unique<TokenStore>(*storage_, xmpp::Secret("of the test"),
                                           std::chrono::hours(24));
  }
  ~TokenLogins() override {
    pool_.stop();
    storage_->stop();
  }

  /// On a connection that has these channel bindings.
  SaslNegotiation negotiation(const std::vector<std::string>& bindings, bool has_tokens = true,
                              const std::string& from = "") {
    ChannelBindings all;
    for (const std::string& type : bindings) all.bindings.push_back({type, "data of " + type});
    return SaslNegotiation({.mechanisms = mechanisms_,
                            .domain = "localhost",
                            .from = from,
                            .users = *users_,
                            .tokens = has_tokens ? tokens_.get() : nullptr,
                            .hashing = pool_,
                            .fake_salt_secret = "of the test",
                            .bindings = std::move(all)});
  }

  static std::string offered(const SaslNegotiation& negotiation) {
    const std::string features = negotiation.features();
    std::string found;
    for (const auto mechanism : xmpp::token_mechanisms) {
      const std::string name(xmpp::name(mechanism));
      if (features.find("<mechanism>" + name + "</mechanism>") != std::string::npos) {
        found += name.substr(name.rfind('-') + 1) + " ";
      }
    }
    EXPECT_EQ(features.find("<fast") == std::string::npos, found.empty()) << features;
    EXPECT_EQ(features.find("0rtt"), std::string::npos) << "hardening P18";
    return found;
  }

  static SaslStep by_token(const std::string& message) {
    SaslStep step{.kind = SaslStep::Kind::begin,
                  .form = SaslForm::xep0388,
                  .mechanism = "HT-SHA-256-NONE",
                  .payload = xmpp::base64_encode(message)};
    step.tokens.client = phone;
    step.tokens.use.emplace();
    return step;
  }

  static std::string outcome(SaslNegotiation& negotiation, SaslStep step) {
    const SaslOutcome outcome = wait_for(negotiation.take(std::move(step)));
    return outcome.kind == SaslOutcome::Kind::success ? "success" : outcome.payload;
  }

  StorageEvents events_;
  std::unique_ptr<Storage> storage_;
  std::unique_ptr<SqlUserStore> users_;
  std::unique_ptr<TokenStore> tokens_;
  const Credentials credentials_ = *derive_credentials("r0m30");
  BlockingPool pool_{{.threads = 1}};
  const std::vector<std::string> mechanisms_ = {"SCRAM-SHA-256", "PLAIN"};
};

// XEP-0484 §6, and what the connection can be bound to.
TEST_F(TokenLogins, AreOfferedOverTlsAlone) {
  EXPECT_EQ(offered(negotiation({})), "");
  EXPECT_EQ(offered(negotiation({"tls-server-end-point"})), "ENDP NONE ");
  EXPECT_EQ(offered(negotiation({"tls-exporter", "tls-server-end-point"})), "EXPR ENDP NONE ");
  EXPECT_EQ(offered(negotiation({"tls-exporter", "tls-server-end-point"}, false)), "");
}

// Hardening P12: what is not offered is not taken.
TEST_F(TokenLogins, AreTakenWhereTheyAreOffered) {
  const auto issued = wait_for(tokens_->issue(
      {"juliet", "localhost", phone}, xmpp::TokenMechanism::none, password_key(credentials_)));
  ASSERT_TRUE(issued);
  const std::string message = xmpp::token_message("juliet", issued->token, "");
  auto in_clear = negotiation({});
  EXPECT_EQ(outcome(in_clear, by_token(message)), "invalid-mechanism");
  auto without = negotiation({"tls-exporter"}, false);
  EXPECT_EQ(outcome(without, by_token(message)), "invalid-mechanism");

  auto tls = negotiation({"tls-exporter"});
  SaslStep older = by_token(message);
  older.form = SaslForm::rfc6120;
  EXPECT_EQ(outcome(tls, older), "invalid-mechanism");
  SaslStep nothing = by_token(message);
  nothing.payload.reset();
  EXPECT_EQ(outcome(tls, nothing), "malformed-request");
  SaslStep nobody = by_token(message);
  nobody.tokens.client.clear();
  EXPECT_EQ(outcome(tls, nobody), "malformed-request");
  EXPECT_EQ(outcome(tls, by_token("juliet")), "malformed-request");
  EXPECT_EQ(outcome(tls, by_token(xmpp::token_message("romeo", issued->token, ""))),
            "not-authorized");
  EXPECT_EQ(outcome(tls, by_token(xmpp::token_message("ju liet", issued->token, ""))),
            "not-authorized");

  auto of_another = negotiation({"tls-exporter"}, true, "romeo@localhost");
  EXPECT_EQ(outcome(of_another, by_token(message)), "invalid-authzid");
  auto own = negotiation({"tls-exporter"}, true, "juliet@localhost");
  EXPECT_EQ(outcome(own, by_token(message)), "success");
}

// XEP-0484 §4.2: not to a client that does not say which it is, nor to one that is not logged in.
TEST_F(TokenLogins, AreForClientsThatAskedForThem) {
  const auto given = [&](const std::string& client, const std::string& word) {
    auto tls = negotiation({"tls-exporter"});
    SaslStep step{.kind = SaslStep::Kind::begin,
                  .form = SaslForm::xep0388,
                  .mechanism = "PLAIN",
                  .payload = xmpp::base64_encode("\0juliet\0"s + word)};
    step.tokens.client = client;
    step.tokens.wanted = xmpp::TokenMechanism::none;
    return wait_for(tls.take(std::move(step))).token;
  };
  EXPECT_FALSE(given("", "r0m30"));
  EXPECT_FALSE(given(phone, "wrong"));
  const auto token = given(phone, "r0m30");
  ASSERT_TRUE(token);
  auto tls = negotiation({"tls-exporter"});
  EXPECT_EQ(outcome(tls, by_token(xmpp::token_message("juliet", token->token, ""))), "success");
}

}  // namespace
}  // namespace server
