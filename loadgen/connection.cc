#include "loadgen/connection.h"

#include <netdb.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <unistd.h>

#include <array>
#include <cassert>
#include <cerrno>
#include <cstring>
#include <vector>

namespace loadgen {
namespace {

constexpr std::size_t read_bytes = 64 * 1024;
constexpr int reads_a_turn = 8;  // One loud connection must not keep the others waiting.

/// One read buffer a thread: a waiting connection owns none.
std::span<char> shared_buffer() {
  thread_local std::vector<char> buffer(read_bytes);
  return buffer;
}

}  // namespace

Result<Endpoint> resolve(const std::string& host_port) {
  const auto colon = host_port.rfind(':');
  if (colon == std::string::npos || colon + 1 == host_port.size()) {
    return Fault{"`" + host_port + "` has no port; write HOST:PORT, for example localhost:5222"};
  }
  std::string host = host_port.substr(0, colon);
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int error = getaddrinfo(host.c_str(), host_port.c_str() + colon + 1, &hints, &found);
  if (error != 0) {
    return Fault{"cannot look up " + host_port + ": " + gai_strerror(error)};
  }
  Endpoint endpoint;
  std::memcpy(&endpoint.address, found->ai_addr, found->ai_addrlen);
  endpoint.size = found->ai_addrlen;
  endpoint.text = host_port;
  freeaddrinfo(found);
  return endpoint;
}

Result<void> Connection::open(const Endpoint& to, const Endpoint& source) {
  assert(stage_ == Stage::closed);
  const int fd = socket(to.address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return Fault{std::string("no socket: ") + std::strerror(errno)};
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  if (source.size > 0) {
    // The port is chosen at connect time, so that one source port serves several targets.
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
    if (bind(fd, reinterpret_cast<const sockaddr*>(&source.address), source.size) != 0) {
      const std::string why = std::strerror(errno);
      ::close(fd);
      return Fault{"cannot use source address " + source.text + ": " + why};
    }
  }
  const auto* address = reinterpret_cast<const sockaddr*>(&to.address);
  if (connect(fd, address, to.size) != 0 && errno != EINPROGRESS) {
    const std::string why = std::strerror(errno);
    ::close(fd);
    return Fault{why};
  }
  if (!poller_.add(fd, EPOLLOUT, *this)) {
    ::close(fd);
    return Fault{"the kernel watches no more descriptors"};
  }
  fd_ = fd;
  events_ = EPOLLOUT;
  stage_ = Stage::connecting;
  return {};
}

void Connection::start_tls(SSL_CTX& context, const std::string& domain, bool verify) {
  flush();
  if (fd_ < 0) return;
  ssl_ = make_ssl(context, fd_, domain, verify);
  stage_ = Stage::handshaking;
  handshake();
}

void Connection::send(std::string_view bytes) {
  if (fd_ < 0) return;
  if (output_at_ > 0) {
    output_.erase(0, output_at_);
    output_at_ = 0;
  }
  output_.append(bytes);
  if (!output_told_) {
    output_told_ = true;
    user_.on_output();
  }
}

void Connection::flush() {
  output_told_ = false;
  if (stage_ != Stage::open) return;
  while (pending() > 0) {
    const char* data = output_.data() + output_at_;
    ssize_t size = 0;
    if (ssl_) {
      ERR_clear_error();
      size = SSL_write(ssl_.get(), data, static_cast<int>(pending()));
      if (size <= 0) {
        const int error = SSL_get_error(ssl_.get(), static_cast<int>(size));
        if (error == SSL_ERROR_WANT_WRITE || error == SSL_ERROR_WANT_READ) break;
        return fail("write failed");
      }
    } else {
      size = ::send(fd_, data, pending(), MSG_NOSIGNAL);
      if (size < 0) {
        if (errno == EAGAIN || errno == EINTR) break;
        return fail(std::string("write failed: ") + std::strerror(errno));
      }
    }
    output_at_ += static_cast<std::size_t>(size);
  }
  if (pending() == 0) {
    // Freed and not kept: ten thousand idle clients would hold their largest burst.
    if (output_.capacity() > 4096) {
      std::string().swap(output_);
    } else {
      output_.clear();
    }
    output_at_ = 0;
    want(EPOLLIN);
  } else if (pending() > output_bytes_max) {
    fail("the server does not read: " + std::to_string(pending()) + " bytes wait");
  } else {
    want(EPOLLIN | EPOLLOUT);
  }
}

void Connection::want(std::uint32_t events) {
  if (fd_ < 0 || events == events_) return;
  poller_.change(fd_, events, *this);
  events_ = events;
}

void Connection::close() {
  if (fd_ < 0) return;
  poller_.remove(fd_, *this);
  if (ssl_ && stage_ == Stage::open) SSL_shutdown(ssl_.get());
  ERR_clear_error();
  ssl_.reset();
  ::close(fd_);
  fd_ = -1;
  stage_ = Stage::closed;
  output_told_ = false;
  std::string().swap(output_);
  output_at_ = 0;
}

void Connection::fail(const std::string& reason) {
  close();
  user_.on_closed(reason);
}

void Connection::handshake() {
  ERR_clear_error();
  const int done = SSL_do_handshake(ssl_.get());
  if (done == 1) {
    stage_ = Stage::open;
    want(EPOLLIN);
    user_.on_secured();
    return;
  }
  const int error = SSL_get_error(ssl_.get(), done);
  if (error == SSL_ERROR_WANT_READ) return want(EPOLLIN);
  if (error == SSL_ERROR_WANT_WRITE) return want(EPOLLOUT);
  const long verified = SSL_get_verify_result(ssl_.get());
  if (verified != X509_V_OK && SSL_get_verify_mode(ssl_.get()) != SSL_VERIFY_NONE) {
    return fail(std::string("TLS: ") + X509_verify_cert_error_string(verified) +
                ". Name the authority with --ca, or use --tls-verify=off");
  }
  fail("TLS: " + ssl_error_text());
}

void Connection::on_ready(std::uint32_t epoll_events) {
  switch (stage_) {
    case Stage::closed:
      return;
    case Stage::connecting: {
      int error = 0;
      socklen_t size = sizeof(error);
      getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size);
      if (error != 0) return fail(std::strerror(error));
      stage_ = Stage::open;
      want(EPOLLIN);
      return user_.on_connected();
    }
    case Stage::handshaking:
      return handshake();
    case Stage::open:
      if ((epoll_events & EPOLLOUT) != 0) flush();
      if (fd_ >= 0 && (epoll_events & ~static_cast<std::uint32_t>(EPOLLOUT)) != 0) read();
  }
}

void Connection::read() {
  const auto buffer = shared_buffer();
  for (int i = 0; i < reads_a_turn; ++i) {
    ssize_t size = 0;
    if (ssl_) {
      ERR_clear_error();
      size = SSL_read(ssl_.get(), buffer.data(), static_cast<int>(buffer.size()));
      if (size <= 0) {
        const int error = SSL_get_error(ssl_.get(), static_cast<int>(size));
        if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) return;
        if (error == SSL_ERROR_ZERO_RETURN) return fail("closed by the server");
        if (error == SSL_ERROR_SYSCALL) return fail("connection reset");
        return fail("TLS: " + ssl_error_text());
      }
    } else {
      size = recv(fd_, buffer.data(), buffer.size(), 0);
      if (size < 0) {
        if (errno == EAGAIN || errno == EINTR) return;
        return fail(std::strerror(errno));
      }
      if (size == 0) return fail("closed by the server");
    }
    const SSL* before = ssl_.get();
    user_.on_bytes({buffer.data(), static_cast<std::size_t>(size)});
    if (stage_ != Stage::open || ssl_.get() != before) return;
    // A short read drained the socket; under TLS a record may still wait inside OpenSSL.
    if (!ssl_ && static_cast<std::size_t>(size) < buffer.size()) return;
    if (ssl_ && SSL_pending(ssl_.get()) == 0 && static_cast<std::size_t>(size) < 4096) return;
  }
}

}  // namespace loadgen
