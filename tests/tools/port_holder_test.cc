#include "tools/cluster/port_holder.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>

namespace cluster {
namespace {

/// A TCP socket bound to a port of the kernel's choice.
class BoundSocket {
 public:
  BoundSocket() : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in here{};
    here.sin_family = AF_INET;
    here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(bind(fd_, reinterpret_cast<sockaddr*>(&here), sizeof here), 0);
    socklen_t size = sizeof here;
    EXPECT_EQ(getsockname(fd_, reinterpret_cast<sockaddr*>(&here), &size), 0);
    port_ = ntohs(here.sin_port);
  }
  BoundSocket(const BoundSocket&) = delete;
  BoundSocket& operator=(const BoundSocket&) = delete;
  ~BoundSocket() { close(fd_); }

  void listen_now() { EXPECT_EQ(listen(fd_, 1), 0); }
  [[nodiscard]] std::uint16_t port() const { return port_; }

 private:
  int fd_;
  std::uint16_t port_ = 0;
};

TEST(PortHolder, IsTheProcessThatListens) {
  BoundSocket socket;
  socket.listen_now();

  const auto holder = find_port_holder(socket.port());

  ASSERT_TRUE(holder);
  EXPECT_EQ(holder->pid, getpid());
  EXPECT_NE(holder->command.find("port_holder_test"), std::string::npos) << holder->command;
}

TEST(PortHolder, IsNobodyWhenNobodyListens) {
  BoundSocket socket;  // Bound, but it takes no connection: a node's port would be refused by the
                       // kernel then, not taken by another server.

  EXPECT_FALSE(find_port_holder(socket.port()));
}

}  // namespace
}  // namespace cluster
