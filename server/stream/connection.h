#pragma once

#include <openssl/ssl.h>

#include <boost/system/error_code.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "server/loop/descriptor.h"
#include "server/loop/loop.h"
#include "server/metrics/loop_counters.h"
#include "server/stream/tls_context.h"
#include "xmpp/shared_text.h"

namespace server {

/// A TCP connection, with or without TLS: bytes in, a bounded queue of bytes out.
///
/// While it is idle it owns no buffer: it waits for readability and reads into its loop's shared
/// one. What a turn of the loop queued leaves in one write. TLS runs on an OpenSSL object directly
/// over the socket, so an idle TLS connection gives its record buffers back too.
///
/// Threads: lives on its loop, which keeps it alive until it is closed.
class Connection : public std::enable_shared_from_this<Connection>,
                   private Loop::Flushable,
                   private Loop::Watcher {
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

  /// `socket` is connected and does not block.
  Connection(Loop& loop, Descriptor socket, Owner& owner, LoopCounters& counters);
  ~Connection();

  /// Begins to read. Once.
  void start();

  /// Turns the connection into TLS, as server: at once for a direct TLS listener, or after what is
  /// queued (`<proceed/>`) has been written. Bytes that came before count as an attack
  /// (hardening P6): the owner checks `on_bytes` had none left over.
  void start_tls(const TlsContext& context);

  /// Adds to the queue. The size of the queue is the caller's to bound: see queued_bytes().
  void send(xmpp::SharedText bytes);

  std::size_t queued_bytes() const { return queued_bytes_; }

  /// When a write last made progress, or the queue was last empty.
  std::chrono::steady_clock::time_point write_progress_at() const { return write_progress_at_; }

  /// Writes what is queued, then closes. The owner hears nothing more and may go.
  void close_after_flush();

  /// Closes at once and drops what is queued. The owner hears nothing more.
  void close();

  /// Pauses reading: the other side's writes then wait in TCP.
  void pause_reading();
  void resume_reading();

  bool is_tls() const { return ssl_ != nullptr; }
  SSL* ssl() const { return ssl_.get(); }

 private:
  struct SslFree {
    void operator()(SSL* ssl) const { SSL_free(ssl); }
  };
  enum class Tls { none, handshaking, established };

  void on_ready(std::uint32_t events) override;
  bool is_reading() const { return owner_ != nullptr && !reading_paused_ && !tls_after_flush_; }
  void watch();
  void read_some();
  void read_plain();
  void read_tls();
  void take(std::size_t size);
  void continue_handshake();
  void flush() override;
  bool write_plain();  // True while it should go on.
  bool write_tls();
  void consume(std::size_t bytes);
  void disconnected(boost::system::error_code error);
  void shut();

  Loop& loop_;
  Descriptor socket_;
  Owner* owner_;
  LoopCounters& counters_;
  std::unique_ptr<SSL, SslFree> ssl_;
  std::vector<xmpp::SharedText> queue_;
  std::size_t queue_head_ = 0;   // Index of the first unsent entry …
  std::size_t head_offset_ = 0;  // … and how much of it is sent.
  std::size_t queued_bytes_ = 0;
  std::chrono::steady_clock::time_point write_progress_at_;
  std::uint32_t watched_ = 0;  // What the loop tells us of.
  Tls tls_ = Tls::none;
  bool tls_after_flush_ = false;
  bool awaits_room_ = false;  // The socket takes no more for now.
  bool flush_queued_ = false;
  bool reading_paused_ = false;
  bool close_after_flush_ = false;
  bool closed_ = false;
};

}  // namespace server
