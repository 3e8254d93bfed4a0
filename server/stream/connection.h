#pragma once

#include <openssl/ssl.h>

#include <boost/asio/ip/tcp.hpp>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "server/loop/loop.h"
#include "server/metrics/loop_counters.h"
#include "server/stream/tls_context.h"

namespace server {

using Bytes = std::shared_ptr<const std::string>;

/// A TCP connection, with or without TLS: bytes in, a bounded queue of bytes out.
///
/// While it is idle it owns no buffer: it waits for readability and reads into its loop's shared
/// one. What a turn of the loop queued leaves in one write. TLS runs on an OpenSSL object directly
/// over the socket, so an idle TLS connection gives its record buffers back too.
///
/// Threads: lives on its loop.
class Connection : public std::enable_shared_from_this<Connection>, private Loop::Flushable {
 public:
  /// Who owns a connection. It may drop its last reference to the connection in any of these calls.
  class Owner {
   public:
    /// `bytes` are valid for the call. Stops being called when the owner closes the connection.
    virtual void on_bytes(std::string_view bytes) = 0;

    /// The TLS handshake is done; the next bytes are the client's first inside TLS.
    virtual void on_tls_established() = 0;

    /// The connection is gone: the other side closed it, or it broke, or a TLS rule was not kept.
    /// Comes once, and not after `close()`.
    virtual void on_disconnected(boost::system::error_code error) = 0;

   protected:
    ~Owner() = default;
  };

  Connection(Loop& loop, asio::ip::tcp::socket socket, Owner& owner, LoopCounters& counters);
  ~Connection();

  /// Begins to read. Once.
  void start();

  /// Turns the connection into TLS, as server: at once for a direct TLS listener, or after what is
  /// queued (`<proceed/>`) has been written. Bytes that came before count as an attack
  /// (hardening P6): the owner checks `on_bytes` had none left over.
  void start_tls(const TlsContext& context);

  /// Adds to the queue. The size of the queue is the caller's to bound: see queued_bytes().
  void send(Bytes bytes);

  std::size_t queued_bytes() const { return queued_bytes_; }

  /// When a write last made progress, or the queue was last empty.
  std::chrono::steady_clock::time_point write_progress_at() const { return write_progress_at_; }

  /// Writes what is queued, then closes. The owner hears nothing more and may go.
  void close_after_flush();

  /// Closes at once and drops what is queued. The owner hears nothing more.
  void close();

  /// Pauses reading: the other side's writes then wait in TCP.
  void pause_reading() { reading_paused_ = true; }
  void resume_reading();

  bool is_tls() const { return ssl_ != nullptr; }
  SSL* ssl() const { return ssl_.get(); }
  std::string remote_address() const;

 private:
  struct SslFree {
    void operator()(SSL* ssl) const { SSL_free(ssl); }
  };
  enum class Tls { none, handshaking, established };

  void wait_readable();
  void wait_writable();
  void read_some();
  void continue_handshake();
  void begin_handshake();
  void flush() override;
  bool write_plain();  // True while it should go on.
  bool write_tls();
  void consume(std::size_t bytes);
  void disconnected(boost::system::error_code error);
  void shut();

  Loop& loop_;
  asio::ip::tcp::socket socket_;
  Owner* owner_;
  LoopCounters& counters_;
  std::unique_ptr<SSL, SslFree> ssl_;
  std::vector<Bytes> queue_;
  std::size_t queue_head_ = 0;   // Index of the first unsent entry …
  std::size_t head_offset_ = 0;  // … and how much of it is sent.
  std::size_t queued_bytes_ = 0;
  std::chrono::steady_clock::time_point write_progress_at_;
  Tls tls_ = Tls::none;
  bool tls_after_flush_ = false;
  bool read_waiting_ = false;
  bool write_waiting_ = false;
  bool flush_queued_ = false;
  bool reading_paused_ = false;
  bool close_after_flush_ = false;
  bool closed_ = false;
};

}  // namespace server
