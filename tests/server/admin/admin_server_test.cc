#include "server/admin/admin_server.h"

#include <gtest/gtest.h>

#include <thread>

#include "server/metrics/metrics.h"
#include "tests/server/admin/fake_node.h"
#include "tests/server/admin/raw_http.h"

namespace server {
namespace {

using namespace std::chrono_literals;
using State = ReadinessCheck::State;

constexpr const char* token = "0123456789abcdef";

/// A node's HTTP listeners on ports that the kernel has chosen.
class AdminServerTest : public testing::Test {
 protected:
  explicit AdminServerTest(AdminServerOptions options = {}) {
    options.health = Endpoint{"127.0.0.1", 0};
    options.admin = Endpoint{"127.0.0.1", 0};
    options.token = Secret(token);
    server_.emplace(std::move(options), node, metrics);
    const auto started = server_->start();
    EXPECT_TRUE(started.has_value()) << started.error().reason;
    health = *server_->health_endpoint();
    admin = *server_->admin_endpoint();
  }
  ~AdminServerTest() override { server_->stop(); }

  /// A well-formed request with the token.
  std::string request(const std::string& line, const std::string& body = "",
                      const std::string& more = "") const {
    std::string text = line + " HTTP/1.1\r\nHost: " + to_string(admin) +
                       "\r\nAuthorization: Bearer " + token + "\r\n" + more;
    if (!body.empty()) text += "Content-Length: " + std::to_string(body.size()) + "\r\n";
    return text + "\r\n" + body;
  }

  std::string ask_health(const std::string& target) const {
    RawHttp http(health);
    http.send("GET " + target + " HTTP/1.1\r\nHost: probe\r\n\r\n");
    return http.read_answer();
  }

  std::string ask(const std::string& line, const std::string& body = "") const {
    RawHttp http(admin);
    http.send(request(line, body));
    return http.read_answer();
  }

  static std::string body_of(const std::string& answer) {
    const std::size_t head = answer.find("\r\n\r\n");
    return head == std::string::npos ? "" : answer.substr(head + 4);
  }

  static int status_of(const std::string& answer) {
    return answer.starts_with("HTTP/1.1 ") ? std::stoi(answer.substr(9, 3)) : 0;
  }

  FakeNode node;
  Metrics metrics{{"0.5.0", "abc"}};
  Endpoint health;
  Endpoint admin;
  std::optional<AdminServer> server_;
};

TEST_F(AdminServerTest, SaysWhetherTheLoopsTick) {
  EXPECT_EQ(status_of(ask_health("/livez")), 200);
  node.live = false;
  EXPECT_EQ(status_of(ask_health("/livez")), 503);
}

TEST_F(AdminServerTest, SaysWhyItIsNotReady) {
  node.set_readiness(
      {{{"listening", State::ok, ""}, {"joined", State::failed, "1 of 2 peers caught up"}}});
  const std::string answer = ask_health("/readyz");
  EXPECT_EQ(status_of(answer), 503);
  EXPECT_EQ(body_of(answer), "not ready: joined (1 of 2 peers caught up)\n");
}

// An outage that the peers share leaves every node ready: no other could do better.
TEST_F(AdminServerTest, StaysReadyWhenDegraded) {
  node.set_readiness({{{"listening", State::ok, ""}, {"mysql", State::degraded, "away for 3 s"}}});
  const std::string answer = ask_health("/readyz");
  EXPECT_EQ(status_of(answer), 200);
  EXPECT_EQ(body_of(answer), "ready, degraded mysql\n");
  EXPECT_EQ(body_of(ask_health("/readyz?verbose")),
            "ready, degraded mysql\nok listening\ndegraded mysql: away for 3 s\n");
}

TEST_F(AdminServerTest, ServesMetrics) {
  const std::string answer = ask_health("/metrics");
  EXPECT_EQ(status_of(answer), 200);
  EXPECT_NE(answer.find("Content-Type: text/plain; version=0.0.4"), std::string::npos);
  EXPECT_NE(body_of(answer).find("meerkat_build_info{"), std::string::npos);
}

TEST_F(AdminServerTest, ShowsTheClusterAsJson) {
  NodeStatus ready;
  ready.name = "n1";
  ready.state = "ready";
  ready.sessions = 7;
  node.set_status({"default", "n1", {ready}, {}});
  EXPECT_EQ(
      body_of(ask("GET /api/v1/status")),
      "{\"cluster\":\"default\",\"self\":\"n1\",\"nodes\":[{\"name\":\"n1\",\"version\":\"\","
      "\"state\":\"ready\",\"since_s\":null,\"sessions\":7,\"peers_joined\":null,"
      "\"peers_relayed\":null,\"peers_known\":null,\"lag_p99_s\":null,\"backlog_records\":null,"
      "\"mysql_round_trip_s\":null,\"mysql\":\"\",\"lease_remaining_s\":null}],"
      "\"drain\":null}");
}

TEST_F(AdminServerTest, LooksAfterUsers) {
  const std::string juliet = R"({"jid":"juliet@localhost","password":"r0m30"})";
  EXPECT_EQ(status_of(ask("POST /api/v1/users", juliet)), 201);
  EXPECT_EQ(node.password_of("juliet@localhost"), "r0m30");
  EXPECT_EQ(status_of(ask("POST /api/v1/users", juliet)), 409);
  EXPECT_EQ(
      status_of(ask("PUT /api/v1/users/juliet%40localhost/password", R"({"password":"new"})")),
      200);
  EXPECT_EQ(node.password_of("juliet@localhost"), "new");
  EXPECT_EQ(body_of(ask("GET /api/v1/users")),
            R"({"users":["juliet@localhost"],"has_more":false})");
  EXPECT_EQ(status_of(ask("DELETE /api/v1/users/juliet@localhost")), 200);
  EXPECT_EQ(status_of(ask("DELETE /api/v1/users/juliet@localhost")), 404);
}

TEST_F(AdminServerTest, PagesThroughUsers) {
  for (const char* name : {"a", "b", "c"}) {
    ask("POST /api/v1/users", std::string(R"({"password":"x","jid":")") + name + "@localhost\"}");
  }
  EXPECT_EQ(body_of(ask("GET /api/v1/users?limit=2")),
            R"({"users":["a@localhost","b@localhost"],"has_more":true})");
  EXPECT_EQ(body_of(ask("GET /api/v1/users?limit=2&after=b")),
            R"({"users":["c@localhost"],"has_more":false})");
}

TEST_F(AdminServerTest, BeginsADrainWithItsOptions) {
  const std::string answer =
      ask("POST /api/v1/nodes/self/drain", R"({"rate":"2k/s","deadline":"5s"})");
  EXPECT_EQ(status_of(answer), 202);
  EXPECT_EQ(node.drain_options().rate, Rate{2000});
  EXPECT_EQ(node.drain_options().deadline, 5s);
  EXPECT_EQ(status_of(ask("POST /api/v1/nodes/n9/drain")), 501);
}

TEST_F(AdminServerTest, CordonsAndUncordons) {
  EXPECT_EQ(status_of(ask("POST /api/v1/nodes/self/cordon")), 200);
  EXPECT_TRUE(node.is_cordoned);
  EXPECT_EQ(status_of(ask("POST /api/v1/nodes/self/uncordon")), 200);
  EXPECT_FALSE(node.is_cordoned);
}

TEST_F(AdminServerTest, TellsEventsAfterANumber) {
  node.ring.add("n2 joined");
  node.ring.add("n2 left");
  const std::string body = body_of(ask("GET /api/v1/events?after=1"));
  EXPECT_EQ(body.find("n2 joined"), std::string::npos);
  EXPECT_NE(body.find(R"("number":2)"), std::string::npos);
  EXPECT_NE(body.find("n2 left"), std::string::npos);
}

// Hardening H1: nothing behind the token is reached without it, not even the news that it exists.
TEST_F(AdminServerTest, AsksForTheTokenOnEveryPath) {
  for (const char* line : {"GET /api/v1/status", "GET /api/v1/users", "POST /api/v1/users",
                           "PUT /api/v1/users/a@b/password", "DELETE /api/v1/users/a@b",
                           "POST /api/v1/nodes/self/drain", "POST /api/v1/nodes/self/cordon",
                           "POST /api/v1/nodes/self/uncordon", "GET /api/v1/events", "GET /",
                           "GET /nowhere", "PATCH /api/v1/status", "GET /livez", "GET /metrics"}) {
    const std::string head = std::string(line) + " HTTP/1.1\r\nHost: " + to_string(admin) + "\r\n";
    EXPECT_EQ(status_for(admin, head + "\r\n"), 401) << line;
    EXPECT_EQ(status_for(admin, head + "Authorization: Bearer wrong\r\n\r\n"), 401) << line;
    EXPECT_EQ(status_for(admin, head + "Authorization: Basic " + token + "\r\n\r\n"), 401) << line;
  }
}

TEST_F(AdminServerTest, KeepsTheApiOffTheHealthListener) {
  EXPECT_EQ(status_of(ask_health("/api/v1/status")), 404);
}

// Hardening H11.
TEST_F(AdminServerTest, StopsAnswerWhoGuessesTokens) {
  const std::string guess = "GET /api/v1/status HTTP/1.1\r\nHost: " + to_string(admin) +
                            "\r\nAuthorization: Bearer guess\r\n\r\n";
  for (int tries = 0; tries < 40; ++tries) ASSERT_EQ(status_for(admin, guess), 401) << tries;
  EXPECT_EQ(status_for(admin, guess), 429);
  EXPECT_EQ(status_of(ask("GET /api/v1/status")), 429);
  EXPECT_EQ(status_of(ask_health("/livez")), 200);
}

TEST_F(AdminServerTest, KnowsOnlyItsOwnPathsAndMethods) {
  EXPECT_EQ(status_of(ask("GET /nowhere")), 404);
  EXPECT_EQ(status_of(ask("GET /api/v1/status/")), 404);
  EXPECT_EQ(status_of(ask("GET /API/v1/status")), 404);
  const std::string answer = ask("PATCH /api/v1/users");
  EXPECT_EQ(status_of(answer), 405);
  EXPECT_NE(answer.find("Allow: GET, POST\r\n"), std::string::npos);
}

// Hardening H2: what nobody has asked for is not passed over.
TEST_F(AdminServerTest, RefusesBodiesThatMeanTwoThings) {
  for (const char* body :
       {R"({"jid":"a@b","password":"x","jid":"c@d"})", R"({"jid":"a@b","password":"x","role":"y"})",
        R"({"jid":"a@b","password":1})", R"({"jid":"a@b"})", R"({"password":"x"})",
        R"({"jid":"a@b","password":""})", R"({"jid":"a@b","password":null})",
        R"({"jid":["a@b"],"password":"x"})", R"({"jid":{"a":"b"},"password":"x"})", R"(["jid"])",
        R"("jid")", "1", "{", "{}{}", R"({"jid":"a@b","password":"x"} x)", "not json", "\xFF"}) {
    EXPECT_EQ(status_of(ask("POST /api/v1/users", body)), 400) << body;
  }
  EXPECT_EQ(status_of(ask("GET /api/v1/users?limit=0")), 400);
  EXPECT_EQ(status_of(ask("GET /api/v1/users?limit=1001")), 400);
  EXPECT_EQ(status_of(ask("GET /api/v1/users?domian=x")), 400);
  EXPECT_EQ(status_of(ask("POST /api/v1/nodes/self/drain", R"({"rate":"fast"})")), 400);
  EXPECT_EQ(status_of(ask("POST /api/v1/nodes/self/drain", R"({"rate":"0/s"})")), 400);
}

// Hardening H1.
TEST_F(AdminServerTest, RefusesPathTricks) {
  for (const char* target :
       {"/livez/..",      "/../livez",  "/./livez",   "//livez",        "/livez//",
        "/%2e%2e/livez",  "/%2E/livez", "/a%2flivez", "/a%2Flivez",     "/a%5clivez",
        "/a\\livez",      "/livez%00",  "/livez%0a",  "/livez%",        "/livez%4",
        "/livez%zz",      "livez",      "*",          "http://x/livez", "/livez#a",
        "/livez?a=1&a=2", "/livez?=1",  "/li{ve}z",   "/livez\"",       ""}) {
    EXPECT_EQ(status_of(ask_health(target)), 400) << target;
  }
  EXPECT_EQ(status_of(ask_health("/%6Civez")), 200);    // decoded once
  EXPECT_EQ(status_of(ask_health("/%256Civez")), 404);  // and not twice
}

struct Shape {
  const char* head;  ///< After `GET /livez HTTP/1.1\r\n`.
  int status;
};

// Hardening H6: no two readers may see two different requests.
TEST_F(AdminServerTest, RefusesOddRequestShapes) {
  const Shape shapes[] = {
      {"Host: a\r\n\r\n", 200},
      {"\r\n", 400},
      {"Host: a\r\nHost: a\r\n\r\n", 400},
      {"Host: a\r\nTransfer-Encoding: chunked\r\n\r\n", 501},
      {"Host: a\r\nTransfer-Encoding: identity\r\n\r\n", 501},
      {"Host: a\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n", 501},
      {"Host: a\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n", 400},
      {"Host: a\r\nContent-Length: 0, 0\r\n\r\n", 400},
      {"Host: a\r\nContent-Length: +0\r\n\r\n", 400},
      {"Host: a\r\nContent-Length: -1\r\n\r\n", 400},
      {"Host: a\r\nContent-Length: 0x1\r\n\r\n", 400},
      {"Host: a\r\nContent-Length: 99999999999999999999999\r\n\r\n", 400},
      {"Host: a\r\nContent-Length: 1\r\n\r\nx", 400},  // a GET has no body here
      {"Host: a\r\nContent-Length: 65537\r\n\r\n", 413},
      {"Host: a\r\nAuthorization: a\r\nAuthorization: b\r\n\r\n", 400},
      {"Host: a\r\nExpect: 100-continue\r\n\r\n", 417},
      {"Host: a\r\nX: a\r\n b\r\n\r\n", 400},  // folded
      {"Host: a\r\nX : a\r\n\r\n", 400},       // a space before the colon
      {"Host: a\r\nX: a\nY: b\r\n\r\n", 400},  // a bare line feed
      {"Host: a\r\nX: a\rY: b\r\n\r\n", 400},  // a bare carriage return
      {"Host: a\r\nX: \x01\r\n\r\n", 400},
      {"Host: a\r\nX: \xC3\xA4\r\n\r\n", 400},
      {"Host: a\r\nOrigin: http://evil.example\r\n\r\n", 403},
      {"Host: a\r\nOrigin: null\r\n\r\n", 403},
      {"Host: a\r\nOrigin: http://a\r\n\r\n", 200},
  };
  for (const Shape& shape : shapes) {
    EXPECT_EQ(status_for(health, std::string("GET /livez HTTP/1.1\r\n") + shape.head), shape.status)
        << shape.head;
  }
  for (const char* line :
       {"GET  /livez HTTP/1.1", "GET /livez", "GET /livez HTTP/2.0", "GET /livez HTTP/1.1 x",
        " GET /livez HTTP/1.1", "G\tT /livez HTTP/1.1"}) {
    EXPECT_EQ(status_for(health, std::string(line) + "\r\nHost: a\r\n\r\n"), 400) << line;
  }
}

// Hardening H3: a page in somebody's browser may know our address, but not speak for our name.
TEST_F(AdminServerTest, KnowsItsOwnNames) {
  const auto status = [&](const std::string& host, const std::string& origin) {
    return status_for(admin, "GET /api/v1/status HTTP/1.1\r\nHost: " + host +
                                 "\r\nAuthorization: Bearer " + token + "\r\n" +
                                 (origin.empty() ? "" : "Origin: " + origin + "\r\n") + "\r\n");
  };
  const std::string port = ":" + std::to_string(admin.port);
  EXPECT_EQ(status("127.0.0.1" + port, ""), 200);
  EXPECT_EQ(status("LocalHost" + port, "http://localhost" + port), 200);
  EXPECT_EQ(status("rebound.example" + port, ""), 421);
  EXPECT_EQ(status("127.0.0.1", ""), 421);
  EXPECT_EQ(status("127.0.0.1" + port, "http://evil.example"), 403);
}

TEST_F(AdminServerTest, HoldsHeadersAndBodiesToTheirLimits) {
  const std::string line = "GET /livez HTTP/1.1\r\nHost: a\r\n";
  const auto header_of = [&](std::size_t bytes) {  // Of the whole head.
    return line + "X: " + std::string(bytes - line.size() - 7, 'x') + "\r\n\r\n";
  };
  EXPECT_EQ(status_for(health, header_of(8192)), 200);
  EXPECT_EQ(status_for(health, header_of(8193)), 431);
  const auto fields_of = [&](int count) {
    std::string head = line;
    for (int field = 1; field < count; ++field) head += "X: y\r\n";
    return head + "\r\n";
  };
  EXPECT_EQ(status_for(health, fields_of(64)), 200);
  EXPECT_EQ(status_for(health, fields_of(65)), 431);
  const std::string longest(64 * 1024, ' ');
  EXPECT_EQ(status_for(admin, request("POST /api/v1/users", longest)), 400);  // read, not JSON
  EXPECT_EQ(status_for(admin, request("POST /api/v1/users", longest + " ")), 413);
}

TEST_F(AdminServerTest, AnswersRequestsThatArriveTogetherInTheirOrder) {
  RawHttp http(health);
  const std::string live = "GET /livez HTTP/1.1\r\nHost: a\r\n\r\n";
  http.send(live + "GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n" + live);
  EXPECT_EQ(status_of(http.read_answer()), 200);
  EXPECT_EQ(status_of(http.read_answer()), 404);
  EXPECT_EQ(status_of(http.read_answer()), 200);
}

TEST_F(AdminServerTest, ClosesWhenAsked) {
  RawHttp http(health);
  http.send("GET /livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  EXPECT_TRUE(http.read_all().ends_with("\r\n\r\nlive\n"));
}

TEST_F(AdminServerTest, SurvivesAnAnswerThatComesAfterItsEnd) {
  node.keeps_answers = true;
  RawHttp http(admin);
  http.send(request("POST /api/v1/users", R"({"jid":"a@b","password":"x"})"));
  std::vector<ControlDone<void>> kept;
  while (kept.empty()) {
    kept = node.take_kept();
    std::this_thread::yield();
  }
  server_->stop();
  kept.front()(ControlResult<void>());
  EXPECT_EQ(http.read_all(), "");
}

/// The same with deadlines that a test can wait for, and few connections.
class ImpatientAdminServerTest : public AdminServerTest {
 protected:
  ImpatientAdminServerTest() : AdminServerTest(options()) {}

  static AdminServerOptions options() {
    AdminServerOptions options;
    options.header_timeout = 200ms;
    options.body_timeout = 200ms;
    options.connections_max = 2;
    return options;
  }
};

// Hardening P3: bytes do not extend a deadline.
TEST_F(ImpatientAdminServerTest, EndsRequestsThatNeverEnd) {
  RawHttp head(health);
  head.send("GET /livez HTTP/1.1\r\nHost: ");
  EXPECT_EQ(status_of(head.read_all()), 408);
  RawHttp body(admin);
  body.send(request("POST /api/v1/users", "{}")
                .substr(0, request("POST /api/v1/users", "{}").size() - 1));
  EXPECT_EQ(status_of(body.read_all()), 408);
  RawHttp silent(health);
  EXPECT_EQ(silent.read_all(), "");
}

TEST_F(ImpatientAdminServerTest, TakesSoManyConnectionsAndNoMore) {
  RawHttp first(health), second(health);
  first.send("GET /livez HTTP/1.1\r\nHost: a\r\n\r\n");
  second.send("GET /livez HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(status_of(first.read_answer()), 200);
  EXPECT_EQ(status_of(second.read_answer()), 200);
  RawHttp third(health);
  EXPECT_EQ(third.read_all(), "");
}

TEST(AdminServerStart, SaysWhichPortIsTaken) {
  FakeNode node;
  const Metrics metrics({"0.5.0", "abc"});
  AdminServer first({.health = Endpoint{"127.0.0.1", 0}}, node, metrics);
  ASSERT_TRUE(first.start().has_value());
  AdminServer second({.health = first.health_endpoint()}, node, metrics);
  const auto started = second.start();
  ASSERT_TRUE(started.has_error());
  EXPECT_EQ(started.error().endpoint, *first.health_endpoint());
  EXPECT_EQ(started.error().reason, "Address already in use");
  first.stop();
}

// Hardening H10: no token, no API.
TEST(AdminServerStart, OpensNoApiWithoutAToken) {
  FakeNode node;
  const Metrics metrics({"0.5.0", "abc"});
  AdminServer server({.admin = Endpoint{"127.0.0.1", 0}}, node, metrics);
  ASSERT_TRUE(server.start().has_value());
  EXPECT_FALSE(server.admin_endpoint());
  server.stop();
}

TEST(EventRing, KeepsTheLastEventsAndTheirNumbers) {
  EventRing ring;
  for (std::size_t event = 1; event <= EventRing::events_max + 3; ++event) ring.add("event");
  const auto events = ring.after(0);
  EXPECT_EQ(events.size(), EventRing::events_max);
  EXPECT_EQ(events.front().number, 4u);
  EXPECT_TRUE(ring.after(events.back().number).empty());
}

}  // namespace
}  // namespace server
