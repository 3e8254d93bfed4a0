#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "loadgen/fault.h"
#include "loadgen/poller.h"
#include "loadgen/tls.h"

namespace loadgen {

/// An address that needs no name lookup any more.
struct Endpoint {
  sockaddr_storage address{};
  socklen_t size = 0;
  std::string text;  // HOST:PORT as it was written.
};

/// Looks HOST:PORT or [IPV6]:PORT up. Blocks: at start-up only.
Result<Endpoint> resolve(const std::string& host_port);

/// What a connection tells the client it carries. The connection may be closed inside each call.
class ConnectionUser {
 public:
  virtual void on_connected() = 0;
  virtual void on_secured() = 0;
  /// `bytes` lie in the thread's shared buffer: gone after the call.
  virtual void on_bytes(std::string_view bytes) = 0;
  /// Closed by the other side or by an error; `reason` in words.
  virtual void on_closed(std::string_view reason) = 0;
  /// There is output: `flush` is wanted at the end of this turn. Once until then.
  virtual void on_output() = 0;

 protected:
  ~ConnectionUser() = default;
};

/// A TCP connection, later under TLS if wanted, that waits for readiness with no buffer of its own
/// and gathers its writes: what is sent in one turn of the loop leaves in one system call.
///
/// Memory: this object, what the peer does not read (at most `output_bytes_max`, then it closes),
/// and the SSL object. Threads: the poller's.
class Connection final : public Watcher {
 public:
  Connection(Poller& poller, ConnectionUser& user) : poller_(poller), user_(user) {}
  ~Connection() { close(); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// Starts to connect, from `source` (an address without port) if its size is not 0.
  /// Errors: no descriptor, no source port, refused at once.
  Result<void> open(const Endpoint& to, const Endpoint& source);
  /// Starts the handshake. What was sent before goes first, in the clear.
  void start_tls(SSL_CTX& context, const std::string& domain, bool verify);
  void send(std::string_view bytes);
  /// Hands the gathered output to the kernel.
  void flush();
  /// Silent: `on_closed` is not called.
  void close();

  [[nodiscard]] bool is_open() const { return fd_ >= 0; }
  [[nodiscard]] std::size_t pending() const { return output_.size() - output_at_; }
  [[nodiscard]] SSL* ssl() const { return ssl_.get(); }

  void on_ready(std::uint32_t epoll_events) override;

  static constexpr std::size_t output_bytes_max = std::size_t{4} << 20;

 private:
  enum class Stage : std::uint8_t { closed, connecting, handshaking, open };

  void fail(const std::string& reason);
  void handshake();
  void read();
  void want(std::uint32_t events);

  Poller& poller_;
  ConnectionUser& user_;
  Ssl ssl_;
  std::string output_;
  std::size_t output_at_ = 0;
  int fd_ = -1;
  std::uint32_t events_ = 0;
  Stage stage_ = Stage::closed;
  bool output_told_ = false;
};

}  // namespace loadgen
