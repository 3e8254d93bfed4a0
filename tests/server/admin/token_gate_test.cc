#include "server/admin/token_gate.h"

#include <gtest/gtest.h>

namespace server {
namespace {

using namespace std::chrono_literals;

HttpRequest request(const std::string& token, const std::string& address = "192.0.2.1") {
  HttpRequest request;
  request.authorization = token;
  request.address = address;
  return request;
}

/// A gate, and the time that it is told.
struct Gate {
  /// 200, or the status of the refusal.
  unsigned ask(const HttpRequest& request) {
    const auto verdict = gate.admit(request, now);
    const auto* refusal = std::get_if<HttpReply>(&verdict);
    return refusal ? refusal->status : 200;
  }

  TokenGate gate{{.token = Secret("right"), .failures_max = 3, .window = 15min}};
  TokenGate::Clock::time_point now;
};

TEST(TokenGate, AdmitsTheTokenAndNamesWhoCame) {
  Gate gate;
  const auto verdict = gate.gate.admit(request("Bearer right"), gate.now);
  ASSERT_TRUE(std::holds_alternative<Operator>(verdict));
  EXPECT_EQ(std::get<Operator>(verdict).name(), "admin@192.0.2.1");
  EXPECT_EQ(gate.ask(request("bEARER right")), 200u);  // RFC 9110 §11.1
}

TEST(TokenGate, RefusesEverythingElse) {
  for (const char* sent : {"", "right", "Bearer", "Bearer ", "Bearer  right", "Bearer right ",
                           "Bearer righ", "Basic right", "Bearer\tright"}) {
    Gate gate;
    EXPECT_EQ(gate.ask(request(sent)), 401u) << sent;
  }
}

// An empty token would otherwise be matched by an empty header.
TEST(TokenGate, AdmitsNobodyWithoutAToken) {
  TokenGate gate({.token = Secret()});
  EXPECT_TRUE(std::holds_alternative<HttpReply>(gate.admit(request("Bearer "), {})));
}

// Hardening H11.
TEST(TokenGate, LocksAnAddressOutUntilItsWindowIsOver) {
  Gate gate;
  for (int tries = 0; tries < 3; ++tries) EXPECT_EQ(gate.ask(request("Bearer wrong")), 401u);
  EXPECT_EQ(gate.ask(request("Bearer right")), 429u);
  EXPECT_EQ(gate.ask(request("Bearer right", "192.0.2.2")), 200u);
  gate.now += 15min - 1s;
  EXPECT_EQ(gate.ask(request("Bearer right")), 429u);
  gate.now += 1s;
  EXPECT_EQ(gate.ask(request("Bearer right")), 200u);
  EXPECT_EQ(gate.ask(request("Bearer wrong")), 401u);
}

// A probe without any token is no guess.
TEST(TokenGate, CountsOnlyGuesses) {
  Gate gate;
  for (int tries = 0; tries < 10; ++tries) EXPECT_EQ(gate.ask(request("")), 401u);
  EXPECT_EQ(gate.ask(request("Bearer right")), 200u);
}

TEST(TokenGate, ForgetsTheOldestOfTooManyAddresses) {
  Gate gate;
  for (int tries = 0; tries < 3; ++tries) gate.ask(request("Bearer wrong", "first"));
  gate.now += 1s;
  for (int address = 0; address < 1023; ++address) {
    gate.ask(request("Bearer wrong", std::to_string(address)));
  }
  EXPECT_EQ(gate.ask(request("Bearer right", "first")), 429u);
  gate.ask(request("Bearer wrong", "one more"));
  EXPECT_EQ(gate.ask(request("Bearer right", "first")), 200u);
}

}  // namespace
}  // namespace server
