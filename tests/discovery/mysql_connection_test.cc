#include "discovery/mysql_connection.h"

#include <arpa/inet.h>
#include <cppconn/connection.h>
#include <cppconn/exception.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <string>
#include <string_view>
#include <thread>

namespace discovery {
namespace {

using namespace std::chrono_literals;

// A server that speaks just enough of MySQL's protocol to answer the login, or to let anybody in
// and answer the first statement. Keeps all that the client sends afterwards.
class HostileServer {
 public:
  enum class Answers { login, statement };

  HostileServer(Answers what, std::string answer) : what_(what), answer_(std::move(answer)) {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(listen(listener_, 1), 0);
    EXPECT_EQ(getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
  }

  ~HostileServer() { close(listener_); }

  std::uint16_t port() const { return port_; }

  // Everything that came after `answer`; waits for the client to hang up.
  std::string received() {
    thread_.join();
    return received_;
  }

 private:
  // A packet: length u24 little-endian, number u8, payload.
  static std::string packet(unsigned char number, std::string_view payload) {
    std::string text(4, '\0');
    text[0] = static_cast<char>(payload.size() & 0xff);
    text[1] = static_cast<char>(payload.size() >> 8);
    text[3] = static_cast<char>(number);
    return text + std::string(payload);
  }

  void serve() {
    const int client = accept(listener_, nullptr, nullptr);
    const auto receive = [&] {
      std::array<char, 4'096> buffer{};
      pollfd readable{.fd = client, .events = POLLIN, .revents = 0};
      if (poll(&readable, 1, 5'000) != 1) return std::string();
      const ssize_t size = recv(client, buffer.data(), buffer.size(), 0);
      return size > 0 ? std::string(buffer.data(), static_cast<std::size_t>(size)) : std::string();
    };
    using namespace std::string_literals;
    const std::string ok = "\0\0\0\x02\0\0\0"s;
    // Protocol 10, version, thread, salt, capabilities (4.1, secure, local files, plugin auth).
    send_all(client, packet(0,
                            "\x0a"
                            "10.11.0\0"s +
                                "\1\0\0\0"
                                "12345678\0"s +
                                "\xff\xf7\x21\2\0"
                                "\xff\x81\x15"s +
                                std::string(10, '\0') + "123456789012\0mysql_native_password\0"s));
    receive();
    if (what_ == Answers::statement) {
      send_all(client, packet(2, ok));
      receive();
    }
    send_all(client, packet(what_ == Answers::login ? 2 : 1, answer_));
    for (std::string more = receive(); !more.empty(); more = receive()) received_ += more;
    close(client);
  }

  static void send_all(int client, const std::string& bytes) {
    EXPECT_EQ(send(client, bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
  }

  const Answers what_;
  const std::string answer_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::string received_;
  std::thread thread_;
};

// hardening Q5 (CVE-2015-3152 and the like): a server may answer any statement by asking for a
// file.
TEST(MysqlConnection, SendsNoFileToAServerThatAsksForOne) {
  const char* folder = std::getenv("TEST_TMPDIR");
  const std::string path = std::string(folder != nullptr ? folder : "/tmp") + "/secret";
  std::ofstream(path) << "the contents of a secret file";
  HostileServer server(HostileServer::Answers::statement, "\xfb" + path);
  const MysqlThread client_library;
  const MysqlAddress address{
      .port = server.port(), .user = "meerkat", .connect_timeout = 2s, .query_timeout = 2s};
  EXPECT_THROW(open_mysql(address), sql::SQLException);
  const std::string received = server.received();
  EXPECT_EQ(received.find("secret file"), std::string::npos);
}

// hardening Q5: a server may ask for the password itself.
TEST(MysqlConnection, SendsNoPasswordToAServerThatAsksForItInClearText) {
  HostileServer server(HostileServer::Answers::login,
                       std::string("\xfemysql_clear_password\0", 22));
  const MysqlThread client_library;
  // Reached over loopback, but not by a name that says so.
  const MysqlAddress address{.host = "0.0.0.0",
                             .port = server.port(),
                             .user = "meerkat",
                             .password = "canary",
                             .connect_timeout = 2s,
                             .query_timeout = 2s};
  EXPECT_THROW(open_mysql(address), sql::SQLException);
  EXPECT_EQ(server.received().find("canary"), std::string::npos);
}

TEST(MysqlConnection, IsDescribedWithoutItsPassword) {
  MysqlAddress address{.host = "db.example", .user = "meerkat", .password = "canary"};
  address.database = "chat";
  EXPECT_EQ(describe(address), "meerkat@db.example:3306/chat");
  address.socket = "/run/mysqld.sock";
  EXPECT_EQ(describe(address), "meerkat@/run/mysqld.sock/chat");
}

TEST(MysqlConnection, GivesUpOnAServerThatSaysNothing) {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in silent{};
  silent.sin_family = AF_INET;
  silent.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(silent);
  ASSERT_EQ(bind(listener, reinterpret_cast<sockaddr*>(&silent), size), 0);
  ASSERT_EQ(listen(listener, 1), 0);
  ASSERT_EQ(getsockname(listener, reinterpret_cast<sockaddr*>(&silent), &size), 0);
  const MysqlThread client_library;
  const auto begun = std::chrono::steady_clock::now();
  try {
    open_mysql({.port = ntohs(silent.sin_port), .connect_timeout = 1s, .query_timeout = 1s});
    ADD_FAILURE() << "connected";
  } catch (const sql::SQLException& error) {
    EXPECT_EQ(mysql_fault(error), MysqlFault::unavailable) << error.what();
  }
  EXPECT_LT(std::chrono::steady_clock::now() - begun, 10s);
  close(listener);
}

}  // namespace
}  // namespace discovery
