#include <cppconn/connection.h>
#include <cppconn/exception.h>
#include <cppconn/resultset.h>
#include <cppconn/statement.h>
#include <gtest/gtest.h>

#include <memory>
#include <mutex>
#include <string>

#include "discovery/mysql_backend.h"
#include "tests/support/authority.h"
#include "tests/support/mariadb.h"
#include "tests/support/tcp_gate.h"

namespace discovery {
namespace {

using namespace std::chrono_literals;
using tests::Authority;
using tests::MariaDb;
using tests::TcpGate;

std::unique_ptr<MariaDb> server_with(const tests::IssuedFiles& files) {
  return std::make_unique<MariaDb>(
      std::vector<std::string>{"--ssl-cert=" + files.certificate, "--ssl-key=" + files.key});
}

MysqlAddress address_of(const MariaDb& server, const std::string& ca) {
  MysqlAddress address;
  address.port = server.port();
  address.user = server.user();
  address.password = server.password();
  address.database = server.database();
  address.tls_ca = ca;
  return address;
}

/// The error's code and words; empty when the connection was made.
std::string failure(const MysqlAddress& address) {
  try {
    open_mysql(address);
    return {};
  } catch (const sql::SQLException& error) {
    EXPECT_EQ(mysql_fault(error), MysqlFault::unavailable) << error.what();
    return std::to_string(error.getErrorCode()) + " " + error.what();
  }
}

class MysqlOverTls : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    authority_ = std::make_unique<Authority>();
    server_ = server_with(authority_->issue({"DNS:localhost", "IP:127.0.0.1"}));
  }
  static void TearDownTestSuite() {
    server_.reset();
    authority_.reset();
  }

  static inline std::unique_ptr<Authority> authority_;
  static inline std::unique_ptr<MariaDb> server_;
};

TEST_F(MysqlOverTls, IsEncrypted) {
  const auto connection = open_mysql(address_of(*server_, authority_->file()));
  const std::unique_ptr<sql::Statement> statement(connection->createStatement());
  const std::unique_ptr<sql::ResultSet> rows(
      statement->executeQuery("SHOW STATUS LIKE 'Ssl_version'"));
  ASSERT_TRUE(rows->next());
  EXPECT_EQ(std::string(rows->getString(2)).substr(0, 4), "TLSv");
}

// What the registry says is on the wire in clear without it, and is not with it.
TEST_F(MysqlOverTls, ShowsNothingOnTheWire) {
  for (const bool tls : {true, false}) {
    std::mutex mutex;
    std::string seen;
    TcpGate gate(server_->port());
    gate.tamper([&](bool, std::size_t, std::string& bytes) {
      const std::lock_guard lock(mutex);
      seen += bytes;
    });
    MysqlAddress address = address_of(*server_, tls ? authority_->file() : std::string());
    address.port = gate.port();
    MysqlBackend backend(address, tls ? "with-tls" : "in-clear");
    NodeRow self{.name = "a-node", .incarnation = 7, .peer_address = "192.0.2.1:5290"};
    ASSERT_TRUE(backend.renew(self, 15s).has_value()) << backend.last_failure();
    const std::lock_guard lock(mutex);
    EXPECT_EQ(seen.find("192.0.2.1:5290") == std::string::npos, tls);
    EXPECT_EQ(seen.find("discovery_nodes") == std::string::npos, tls);
  }
}

TEST_F(MysqlOverTls, IsNotOpenedToAServerOfAnotherAuthority) {
  Authority other("other");
  EXPECT_NE(failure(address_of(*server_, other.file())), "");
  EXPECT_EQ(failure(address_of(*server_, authority_->file())), "");
}

TEST(MysqlTls, IsNotOpenedToAServerOfAnotherName) {
  Authority authority;
  const auto server = server_with(authority.issue({"DNS:db.example"}));
  EXPECT_NE(failure(address_of(*server, authority.file())), "");
}

// hardening Q5: whoever takes TLS out of the server's greeting gets nothing to read.
TEST(MysqlTls, IsNotGivenUpForAServerWithoutIt) {
  Authority authority;
  const MariaDb server({"--skip-ssl"});
  EXPECT_NE(failure(address_of(server, authority.file())), "");
  EXPECT_EQ(failure(address_of(server, "")), "");
}

}  // namespace
}  // namespace discovery
