#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "replication/carrier.h"
#include "replication/environment.h"

namespace replication {

/// One end of a tunnel, as the connection that an ordinary link runs on.
///
/// What the link does not read is not granted again, so the other end stops at a window; what does
/// not fit the window stays with the link, which then writes no more.
///
/// Threads: the link thread.
class TunnelConnection : public Connection, private TunnelEnd {
 public:
  /// A tunnel that the relay has offered. `relay` is the name of the node, for remote_address().
  TunnelConnection(Environment& environment, Carrier& carrier, TunnelId tunnel, std::string relay);

  /// A new one to `target`; nothing if the carrier has no room for it. It can be written to at
  /// once: if the relay cannot do it, that is the error of a read.
  static std::unique_ptr<TunnelConnection> open(Environment& environment, Carrier& carrier,
                                                const NodeId& target, std::string relay);

  ~TunnelConnection() override { close(); }
  TunnelConnection(const TunnelConnection&) = delete;
  TunnelConnection& operator=(const TunnelConnection&) = delete;

  void read(std::span<char> buffer, ReadHandler done) override;
  void write(std::string_view bytes, WriteHandler done) override;
  void write_now(std::string_view bytes) override;
  void shutdown_send() override;
  void close() override;
  std::string remote_address() const override { return "relayed by " + relay_; }

 private:
  TunnelConnection(Environment& environment, std::string relay)
      : environment_(environment), relay_(std::move(relay)) {}

  void tunnel_data(std::string_view bytes) override;
  void tunnel_credit(std::size_t bytes) override;
  void tunnel_closed(ErrorCode why) override;

  void finish(ErrorCode why);
  void deliver();
  void move_out();

  Environment& environment_;
  const std::string relay_;
  Carrier* carrier_ = nullptr;  // Null: the tunnel is closed, with error_.
  TunnelId tunnel_ = 0;
  ErrorCode error_;
  std::string in_;               // Received, not read.
  std::size_t taken_bytes_ = 0;  // Read, not granted again.
  std::span<char> buffer_;
  ReadHandler read_done_;  // Set: a read is under way.
  std::string_view out_;   // Of the write under way, what has not found room.
  WriteHandler write_done_;
};

}  // namespace replication
