#include "xmpp/sasl/scram.h"

#include <gtest/gtest.h>

#include "xmpp/sasl/base64.h"

namespace xmpp {
namespace {

using namespace std::string_literals;

struct Vector {
  Mechanism mechanism;
  std::string client_nonce, server_nonce, salt;
  std::string client_first, server_first, client_final, server_final;
};

// RFC 5802 §5 and RFC 7677 §3: user "user", password "pencil", 4,096 rounds.
const Vector vectors[] = {
    {Mechanism::scram_sha_1, "fyko+d2lbbFgONRv9qkxdawL", "3rfcNHYJY1ZVvWVs7j", "QSXCR+Q6sek8bf92",
     "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL",
     "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
     "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
     "v=rmF9pqV8S7suAoZWja4dJRkFsKQ="},
    {Mechanism::scram_sha_256, "rOprNGfwEbeRWgbNEkqO", "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
     "W22ZaJ0SNY7soEsUEjb6gQ==", "n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
     "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
     "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
     "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
     "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="}};

const ChannelBinding exporter{std::string(tls_exporter), "\x01\x02\x00\x03"s};
const ChannelBinding end_point{std::string(tls_server_end_point), "certificate"};

ScramKeys keys_for(Mechanism mechanism, std::string_view password = "pencil") {
  return derive_scram_keys(scram_hash(mechanism), password, "0123456789abcdef", 4'096).value();
}

ScramClientOptions client_options(Mechanism mechanism) {
  ScramClientOptions options;
  options.mechanism = mechanism;
  options.username = "user";
  options.password = Secret("pencil"s);
  if (is_plus(mechanism)) options.binding = exporter;
  return options;
}

// As in the RFCs: no channel binding anywhere.
ScramServerOptions server_options(const Vector& vector) {
  ScramServerOptions options;
  options.mechanism = vector.mechanism;
  options.nonce = vector.server_nonce;
  return options;
}

ScramServerOptions server_options(Mechanism mechanism) {
  ScramServerOptions options;
  options.mechanism = mechanism;
  options.is_plus_offered = is_plus(mechanism);
  options.bindings = {exporter, end_point};
  return options;
}

// Plays the exchange to its end, or to the first error of either side.
Result<void> log_in(ScramClient& client, ScramServer& server, ScramKeys keys) {
  const auto identity = server.begin(client.first());
  if (!identity) return identity.error();
  const auto response = client.respond(server.challenge(std::move(keys)));
  if (!response) return response.error();
  const auto answer = server.finish(*response);
  if (!answer) return answer.error();
  return client.verify(*answer);
}

boost::system::error_code begin_error(ScramServer& server, std::string_view message) {
  const auto identity = server.begin(message);
  return identity ? boost::system::error_code() : identity.error();
}

// Hardening T1
TEST(Scram, SpeaksTheExamplesOfItsRfcs) {
  for (const Vector& vector : vectors) {
    ScramClientOptions client_side = client_options(vector.mechanism);
    client_side.nonce = vector.client_nonce;
    ScramClient client(std::move(client_side));
    ScramServer server(server_options(vector));

    EXPECT_EQ(client.first(), vector.client_first);
    const auto identity = server.begin(vector.client_first);
    ASSERT_TRUE(identity);
    EXPECT_EQ(identity->username, "user");
    EXPECT_EQ(identity->authzid, "");
    EXPECT_EQ(server.challenge(derive_scram_keys(scram_hash(vector.mechanism), "pencil",
                                                 base64_decode(vector.salt).value(), 4'096)
                                   .value()),
              vector.server_first);
    EXPECT_EQ(client.respond(vector.server_first).value(), vector.client_final);
    EXPECT_EQ(server.finish(vector.client_final).value(), vector.server_final);
    EXPECT_TRUE(client.verify(vector.server_final));
  }
}

TEST(Scram, LogsInByEveryMechanism) {
  for (const Mechanism mechanism : mechanisms_by_strength) {
    if (!is_scram(mechanism)) continue;
    ScramClient client(client_options(mechanism));
    ScramServer server(server_options(mechanism));
    EXPECT_TRUE(log_in(client, server, keys_for(mechanism))) << name(mechanism);
    EXPECT_FALSE(server.is_binding_mismatch());
  }
}

TEST(Scram, BindsToWhicheverOfItsConnectionsBindingsIsNamed) {
  ScramClientOptions options = client_options(Mechanism::scram_sha_1_plus);
  options.binding = end_point;
  ScramClient client(std::move(options));
  ScramServer server(server_options(Mechanism::scram_sha_1_plus));
  EXPECT_TRUE(log_in(client, server, keys_for(Mechanism::scram_sha_1_plus)));
}

TEST(Scram, RefusesAnotherPassword) {
  ScramClient client(client_options(Mechanism::scram_sha_256));
  ScramServer server(server_options(Mechanism::scram_sha_256));
  EXPECT_EQ(log_in(client, server, keys_for(Mechanism::scram_sha_256, "pen")).error(),
            SaslError::not_authorized);
  EXPECT_FALSE(server.is_binding_mismatch());
}

// Hardening P14: to the client an account that does not exist is one with another password.
TEST(Scram, RefusesAnUnknownUserInTheWordsOfAWrongPassword) {
  ScramClient client(client_options(Mechanism::scram_sha_256));
  ScramServer server(server_options(Mechanism::scram_sha_256));
  EXPECT_EQ(
      log_in(client, server, fake_scram_keys("secret", "user", ScramHash::sha256, 4'096)).error(),
      SaslError::not_authorized);
}

TEST(Scram, CarriesNamesWithItsOwnDelimiters) {
  ScramClientOptions options = client_options(Mechanism::scram_sha_256);
  options.username = "a,b=c,,=2C";
  options.authzid = "=,\xc3\xa9@localhost";
  ScramClient client(std::move(options));
  ScramServer server(server_options(Mechanism::scram_sha_256));
  const auto identity = server.begin(client.first());
  ASSERT_TRUE(identity);
  EXPECT_EQ(identity->username, "a,b=c,,=2C");
  EXPECT_EQ(identity->authzid, "=,\xc3\xa9@localhost");
  const auto response = client.respond(server.challenge(keys_for(Mechanism::scram_sha_256)));
  ASSERT_TRUE(response);
  EXPECT_TRUE(server.finish(*response));
}

// RFC 5802 §6, hardening P13
TEST(Scram, RefusesALoginWhoseBindingWasStripped) {
  struct Case {
    Mechanism mechanism;
    bool is_plus_offered;
    std::string_view first;
    boost::system::error_code error;
    bool is_mismatch;
  };
  const boost::system::error_code none;
  const Case cases[] = {
      {Mechanism::scram_sha_256, true, "n,,n=user,r=abc", none, false},
      {Mechanism::scram_sha_256, false, "n,,n=user,r=abc", none, false},
      {Mechanism::scram_sha_256, false, "y,,n=user,r=abc", none, false},
      {Mechanism::scram_sha_256, true, "y,,n=user,r=abc", SaslError::not_authorized, true},
      {Mechanism::scram_sha_256, true, "p=tls-exporter,,n=user,r=abc", SaslError::malformed_request,
       false},
      {Mechanism::scram_sha_256_plus, true, "p=tls-exporter,,n=user,r=abc", none, false},
      {Mechanism::scram_sha_256_plus, true, "p=tls-server-end-point,,n=user,r=abc", none, false},
      {Mechanism::scram_sha_256_plus, true, "p=tls-unique,,n=user,r=abc", SaslError::not_authorized,
       true},
      {Mechanism::scram_sha_256_plus, true, "n,,n=user,r=abc", SaslError::not_authorized, true},
      {Mechanism::scram_sha_256_plus, true, "y,,n=user,r=abc", SaslError::not_authorized, true}};
  for (const Case& c : cases) {
    ScramServerOptions options = server_options(c.mechanism);
    options.is_plus_offered = c.is_plus_offered;
    ScramServer server(std::move(options));
    EXPECT_EQ(begin_error(server, c.first), c.error) << name(c.mechanism) << ' ' << c.first;
    EXPECT_EQ(server.is_binding_mismatch(), c.is_mismatch) << name(c.mechanism) << ' ' << c.first;
  }
}

// Hardening P13: the password is right, the TLS connection is not the one that the client sees.
TEST(Scram, RefusesTheBindingOfAnotherConnection) {
  ScramClientOptions options = client_options(Mechanism::scram_sha_256_plus);
  options.binding.data = "somebody in between";
  ScramClient client(std::move(options));
  ScramServer server(server_options(Mechanism::scram_sha_256_plus));
  EXPECT_EQ(log_in(client, server, keys_for(Mechanism::scram_sha_256_plus)).error(),
            SaslError::not_authorized);
  EXPECT_TRUE(server.is_binding_mismatch());
}

// RFC 5802 §6: the flag is under the proof, so changing 'y' to 'n' on the way is found as well.
TEST(Scram, RefusesAFlagThatWasChangedOnTheWay) {
  ScramClientOptions options = client_options(Mechanism::scram_sha_256);
  options.binding = exporter;  // The client could bind: 'y'.
  ScramClient client(std::move(options));
  std::string first = client.first();
  ASSERT_EQ(first.front(), 'y');
  first.front() = 'n';
  ScramServerOptions server_side = server_options(Mechanism::scram_sha_256);
  server_side.is_plus_offered = true;
  ScramServer server(std::move(server_side));
  ASSERT_TRUE(server.begin(first));
  const auto response = client.respond(server.challenge(keys_for(Mechanism::scram_sha_256)));
  ASSERT_TRUE(response);
  EXPECT_EQ(server.finish(*response).error(), SaslError::not_authorized);
  EXPECT_TRUE(server.is_binding_mismatch());
}

// RFC 5802 §7, hardening P10
TEST(ScramServer, RefusesAFirstMessageThatBreaksTheGrammar) {
  for (const std::string& message : {""s,
                                     "n"s,
                                     "n,"s,
                                     "n,,"s,
                                     "n,,n=user"s,
                                     "n,,n=user,"s,
                                     "n,,r=abc"s,
                                     "n,,r=abc,n=user"s,
                                     "n,,n=,r=abc"s,
                                     "n,,n=user,r="s,
                                     "x,,n=user,r=abc"s,
                                     "N,,n=user,r=abc"s,
                                     ",,n=user,r=abc"s,
                                     "p,,n=user,r=abc"s,
                                     "p=,,n=user,r=abc"s,
                                     "p=tls_x,,n=user,r=abc"s,
                                     "n,romeo,n=user,r=abc"s,
                                     "n,a=,n=user,r=abc"s,
                                     "n,a=a=b,n=user,r=abc"s,
                                     "n,,n=us=er,r=abc"s,
                                     "n,,n=us=2c,r=abc"s,
                                     "n,,n=us=2,r=abc"s,
                                     "n,,n=user=,r=abc"s,
                                     "n,,m=ext,n=user,r=abc"s,
                                     "n,,n=user,r=a\x7f"s,
                                     "n,,n=user,r=a b"s,
                                     "n,,n=user,r=\xc3\xa9"s,
                                     "n,,n=user,r=abc,"s,
                                     "n,,n=user,r=abc,x"s,
                                     "n,,n=user,r=abc,x="s,
                                     "n,,n=user,r=abc,1=x"s,
                                     "n,,n=us\xff,r=abc"s,
                                     "n,,n=us\0er,r=abc"s,
                                     "n,,n=user,r=abc,x=\0"s}) {
    ScramServer server(server_options(Mechanism::scram_sha_256));
    EXPECT_EQ(begin_error(server, message), SaslError::malformed_request)
        << testing::PrintToString(message);
  }
}

// RFC 5802 §5.1: extensions that are not known are ignored, but are part of what is proven.
TEST(ScramServer, IgnoresOptionalExtensions) {
  ScramServer server(server_options(Mechanism::scram_sha_256));
  EXPECT_EQ(begin_error(server, "n,,n=user,r=abc,x=1,y=2=3"), boost::system::error_code());
}

TEST(ScramServer, RefusesAFinalMessageThatBreaksTheGrammar) {
  for (const std::string& message :
       {""s, "p=AAAA"s, "c=biws"s, "c=biws,r=abcxyz"s, "c=biws,r=abcxyz,p"s,
        "c=biws,p=AAAA,r=abcxyz"s, "r=abcxyz,c=biws,p=AAAA"s, "c=biws,r=abcxyz,p=A"s,
        "c=biw,r=abcxyz,p=AAAA"s, "c=,r=,p=AAAA"s, "c=biws,r=abcxyz,x,p=AAAA"s,
        "c=biws,r=abcxyz,p=AAAA,x=1"s, "c=biws,r=abc\xff,p=AAAA"s}) {
    ScramServerOptions options = server_options(Mechanism::scram_sha_256);
    options.nonce = "xyz";
    ScramServer server(std::move(options));
    ASSERT_TRUE(server.begin("n,,n=user,r=abc"));
    server.challenge(keys_for(Mechanism::scram_sha_256));
    EXPECT_EQ(server.finish(message).error(), SaslError::malformed_request)
        << testing::PrintToString(message);
  }
}

TEST(ScramServer, RefusesAForeignNonceAndAProofOfAnotherSize) {
  const std::string proof = base64_encode(std::string(32, 'x'));
  for (const std::string& message :
       {"c=biws,r=abc,p=" + proof, "c=biws,r=abcxyZ,p=" + proof, "c=biws,r=abcxyzz,p=" + proof,
        "c=biws,r=abcxyz,p=" + proof, "c=biws,r=abcxyz,p="s, "c=biws,r=abcxyz,p=AAAA"s}) {
    ScramServerOptions options = server_options(Mechanism::scram_sha_256);
    options.nonce = "xyz";
    ScramServer server(std::move(options));
    ASSERT_TRUE(server.begin("n,,n=user,r=abc"));
    server.challenge(keys_for(Mechanism::scram_sha_256));
    EXPECT_EQ(server.finish(message).error(), SaslError::not_authorized) << message;
  }
}

// Every single bit of the proof counts.
TEST(ScramServer, RefusesAProofWithOneBitChanged) {
  const Vector& vector = vectors[0];
  const ScramKeys keys =
      derive_scram_keys(ScramHash::sha1, "pencil", base64_decode(vector.salt).value(), 4'096)
          .value();
  const std::size_t at = vector.client_final.find(",p=") + 3;
  const std::string proof = base64_decode(vector.client_final.substr(at)).value();
  for (std::size_t bit = 0; bit < proof.size() * 8; ++bit) {
    std::string changed = proof;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << bit % 8));
    ScramServer server(server_options(vector));
    ASSERT_TRUE(server.begin(vector.client_first));
    server.challenge(keys);
    EXPECT_EQ(server.finish(vector.client_final.substr(0, at) + base64_encode(changed)).error(),
              SaslError::not_authorized)
        << bit;
  }
}

TEST(ScramServer, MakesANewNonceForEachExchange) {
  const auto challenge = [] {
    ScramServer server(server_options(Mechanism::scram_sha_256));
    EXPECT_TRUE(server.begin("n,,n=user,r=abc"));
    return server.challenge(keys_for(Mechanism::scram_sha_256));
  };
  EXPECT_NE(challenge(), challenge());
}

TEST(ScramClient, RefusesAChallengeItMustNotAnswer) {
  const std::pair<std::string, SaslError> challenges[] = {
      {"r=abcxyz,s=c2FsdA==,i=4095", SaslError::aborted},
      {"r=abcxyz,s=c2FsdA==,i=1", SaslError::aborted},
      {"r=abcxyz,s=c2FsdA==,i=10000001", SaslError::aborted},
      {"r=abc,s=c2FsdA==,i=4096", SaslError::aborted},  // Nothing of the server's own.
      {"r=xyzabc,s=c2FsdA==,i=4096", SaslError::aborted},
      {"r=abcxyz,s=c2FsdA==,i=0", SaslError::malformed_request},
      {"r=abcxyz,s=c2FsdA==,i=04096", SaslError::malformed_request},
      {"r=abcxyz,s=c2FsdA==,i=-4096", SaslError::malformed_request},
      {"r=abcxyz,s=c2FsdA==,i=4294967296", SaslError::malformed_request},
      {"r=abcxyz,s=c2FsdA==,i=4096x", SaslError::malformed_request},
      {"r=abcxyz,s=c2FsdA==,i=", SaslError::malformed_request},
      {"r=abcxyz,s=,i=4096", SaslError::malformed_request},
      {"r=abcxyz,s=c2Fsd,i=4096", SaslError::malformed_request},
      {"m=x,r=abcxyz,s=c2FsdA==,i=4096", SaslError::malformed_request},
      {"r=abcxyz,i=4096", SaslError::malformed_request},
      {"e=unknown-user", SaslError::malformed_request},
      {"", SaslError::malformed_request}};
  for (const auto& [challenge, error] : challenges) {
    ScramClientOptions options = client_options(Mechanism::scram_sha_256);
    options.nonce = "abc";
    ScramClient client(std::move(options));
    client.first();
    EXPECT_EQ(client.respond(challenge).error(), error) << challenge;
  }
}

TEST(ScramClient, DoesNotBelieveAServerThatCannotProveItself) {
  ScramClientOptions options = client_options(Mechanism::scram_sha_1);
  options.nonce = vectors[0].client_nonce;
  ScramClient client(std::move(options));
  client.first();
  // A success before anything was asked.
  EXPECT_EQ(client.verify(vectors[0].server_final).error(), SaslError::not_authorized);
  ASSERT_TRUE(client.respond(vectors[0].server_first));
  for (const std::string_view answer :
       {"", "v=", "v=AAAA", "e=other-error",
        "v=smF9pqV8S7suAoZWja4dJRkFsKQ=", "v=rmF9pqV8S7suAoZWja4dJRkFsKQ"}) {
    EXPECT_EQ(client.verify(answer).error(), SaslError::not_authorized) << answer;
  }
  EXPECT_TRUE(client.verify(vectors[0].server_final));
}

TEST(ScramClient, HashesOnceForASaltItHasSeen) {
  SaltedPassword cache;
  const auto log_in_with = [&](std::string password, const ScramKeys& keys) {
    ScramClientOptions options = client_options(Mechanism::scram_sha_256);
    options.password = Secret(std::move(password));
    options.cache = &cache;
    ScramClient client(std::move(options));
    ScramServer server(server_options(Mechanism::scram_sha_256));
    return static_cast<bool>(log_in(client, server, keys));
  };
  const ScramKeys keys = keys_for(Mechanism::scram_sha_256);
  EXPECT_TRUE(log_in_with("pencil", keys));
  EXPECT_EQ(cache.salt, keys.salt);
  // Without the password the login can only come from the cache.
  EXPECT_TRUE(log_in_with("", keys));
  // Another salt or another count of rounds asks for the password again.
  const ScramKeys resalted =
      derive_scram_keys(ScramHash::sha256, "pencil", "another salt", 4'096).value();
  EXPECT_FALSE(log_in_with("", resalted));
  EXPECT_TRUE(log_in_with("pencil", resalted));
  const ScramKeys more =
      derive_scram_keys(ScramHash::sha256, "pencil", "another salt", 5'000).value();
  EXPECT_FALSE(log_in_with("", more));
  EXPECT_TRUE(log_in_with("pencil", more));
}

TEST(ScramClient, SaysWhyItsPasswordCannotBeHashed) {
  ScramClientOptions options = client_options(Mechanism::scram_sha_256);
  options.nonce = "abc";
  options.password = Secret("\xff"s);
  ScramClient client(std::move(options));
  client.first();
  EXPECT_EQ(client.respond("r=abcxyz,s=c2FsdA==,i=4096").error(), Errc::password_malformed);
}

}  // namespace
}  // namespace xmpp
