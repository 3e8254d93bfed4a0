#include "tests/replication/tls_peers.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace replication {
namespace {

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

int connect_to(std::uint16_t port) {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = loopback(port);
  timeval limit{.tv_sec = 5, .tv_usec = 0};
  ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  if (::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
    return socket;
  }
  ::close(socket);
  return -1;
}

SSL_CTX* new_context(const tests::IssuedFiles* files) {
  SSL_CTX* context = SSL_CTX_new(TLS_method());
  SSL_CTX_clear_mode(context, SSL_MODE_AUTO_RETRY);
  if (files != nullptr) {
    SSL_CTX_use_certificate_chain_file(context, files->certificate.c_str());
    SSL_CTX_use_PrivateKey_file(context, files->key.c_str(), SSL_FILETYPE_PEM);
  }
  return context;
}

}  // namespace

bool linked(const TestNode& a, const TestNode& b) {
  return a.ready(b.node->id().name) && b.ready(a.node->id().name);
}

bool linked_by_tls(const TestNode& a, const TestNode& b) {
  return linked(a, b) && a.peer(b.node->id().name).is_tls && b.peer(a.node->id().name).is_tls;
}

std::shared_ptr<const LinkTls> link_tls(tests::Authority& authority, const std::string& name,
                                        TlsMode mode) {
  const auto files = authority.issue({"DNS:" + name});
  auto made = LinkTls::load(
      {.mode = mode, .certificate = files.certificate, .key = files.key, .ca = authority.file()});
  EXPECT_TRUE(made.has_value()) << made.error();
  return *made;
}

NodeOptions quick_tls(tests::Authority& authority, const std::string& name, TlsMode mode,
                      std::uint64_t incarnation) {
  NodeOptions options = quick(name, incarnation);
  if (mode != TlsMode::off) options.tls = link_tls(authority, name, mode);
  return options;
}

TlsIntruder::TlsIntruder(const tests::IssuedFiles& files, std::uint16_t target_port)
    : context_(new_context(&files)), target_port_(target_port) {
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = loopback(0);
  socklen_t size = sizeof address;
  EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), size), 0);
  EXPECT_EQ(::listen(listener_, 16), 0);
  EXPECT_EQ(::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size), 0);
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { run(); });
}

TlsIntruder::~TlsIntruder() {
  stopping_ = true;
  thread_.join();
  ::close(listener_);
  SSL_CTX_free(context_);
}

void TlsIntruder::run() {
  while (!stopping_) {
    pollfd waiting{listener_, POLLIN, 0};
    if (::poll(&waiting, 1, 10) != 1) continue;
    const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (client >= 0) pass(client);
  }
}

void TlsIntruder::pass(int client) {
  const int target = connect_to(target_port_);
  SSL* to_client = SSL_new(context_);
  SSL* to_target = SSL_new(context_);
  SSL_set_fd(to_client, client);
  SSL_set_fd(to_target, target);
  if (target >= 0 && SSL_accept(to_client) == 1 && SSL_connect(to_target) == 1) {
    bool broken = false;
    while (!stopping_ && !broken) {
      pollfd readable[] = {{client, POLLIN, 0}, {target, POLLIN, 0}};
      ::poll(readable, 2, 10);
      for (int side = 0; side < 2 && !broken; ++side) {
        SSL* from = side == 0 ? to_client : to_target;
        SSL* to = side == 0 ? to_target : to_client;
        if (readable[side].revents == 0 && SSL_pending(from) == 0) continue;
        char bytes[16384];
        const int size = SSL_read(from, bytes, sizeof bytes);
        if (size > 0) {
          bytes_seen_ += static_cast<std::size_t>(size);
          broken = SSL_write(to, bytes, size) != size;
        } else {
          broken = SSL_get_error(from, size) != SSL_ERROR_WANT_READ;
        }
      }
    }
  }
  SSL_free(to_client);
  SSL_free(to_target);
  ::close(client);
  if (target >= 0) ::close(target);
}

int tls_client_without_certificate(std::uint16_t port) {
  const int socket = connect_to(port);
  SSL_CTX* context = new_context(nullptr);
  SSL* ssl = SSL_new(context);
  SSL_set_fd(ssl, socket);
  int reason = -1;
  if (SSL_connect(ssl) == 1) {  // TLS 1.3: the server says what it thinks of us after that.
    char byte = 0;
    SSL_write(ssl, &byte, 1);
    reason = SSL_read(ssl, &byte, 1) == 1 ? 0 : ERR_GET_REASON(ERR_get_error());
  }
  SSL_free(ssl);
  SSL_CTX_free(context);
  ::close(socket);
  return reason;
}

}  // namespace replication
