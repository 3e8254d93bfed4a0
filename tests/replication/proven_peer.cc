#include "tests/replication/proven_peer.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <stdexcept>

#include "replication/hello.h"
#include "tests/replication/nodes.h"

namespace replication {

ProvenPeer::ProvenPeer(std::uint16_t port, const std::string& name, std::uint64_t incarnation)
    : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)), decoder_(hello_bytes_max) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const timeval limit{.tv_sec = 10, .tv_usec = 0};
  ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  EXPECT_EQ(::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);

  const NodeOptions options = quick(name, incarnation);
  Handshake handshake({.role = Role::dialler,
                       .id = {name, incarnation},
                       .listen_port = 1,  // Nobody listens there: the link's end is the peer's.
                       .cluster = options.cluster,
                       .nonce = std::string(nonce_bytes, 'n'),
                       .secret = options.secret},
                      [](const Hello&) { return boost::system::error_code(); });
  send(handshake.start());
  for (bool proven = false; !proven;) {
    auto next = decoder_.next();
    if (!next) throw std::runtime_error("answered with no frame");
    if (!*next) {
      const std::string bytes = read_some();
      if (bytes.empty()) throw std::runtime_error("closed before the proof");
      decoder_.feed(bytes);
      continue;
    }
    const Handshake::Step step = handshake.take(**next);
    if (step.error) throw std::runtime_error("refused: " + step.error.message());
    send(step.send);
    proven = step.proven;
  }
  decoder_.set_frame_bytes_max(options.frame_bytes_max);
}

ProvenPeer::~ProvenPeer() { ::close(socket_); }

bool ProvenPeer::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

std::string ProvenPeer::read_some() {
  char buffer[4096];
  const ssize_t size = ::recv(socket_, buffer, sizeof buffer, 0);
  return size > 0 ? std::string(buffer, static_cast<std::size_t>(size)) : std::string();
}

std::string ProvenPeer::next(FrameKind kind) {
  for (;;) {
    auto next = decoder_.next();
    if (!next) return {};
    if (*next && (*next)->kind == kind) return std::string((*next)->body);
    if (*next) continue;
    const std::string bytes = read_some();
    if (bytes.empty()) return {};
    decoder_.feed(bytes);
  }
}

bool ProvenPeer::is_closed() {
  char buffer[4096];
  for (;;) {
    const ssize_t size = ::recv(socket_, buffer, sizeof buffer, 0);
    if (size == 0) return true;
    if (size < 0) return errno == ECONNRESET;
  }
}

}  // namespace replication
