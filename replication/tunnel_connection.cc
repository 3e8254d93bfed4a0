#include "replication/tunnel_connection.h"

#include <algorithm>
#include <boost/asio/error.hpp>
#include <utility>

namespace replication {
namespace {

// Grants are gathered to a few a window; the other end always has the rest of it.
constexpr std::size_t grant_bytes_min = relay_window_bytes / 4;

}  // namespace

TunnelConnection::TunnelConnection(Environment& environment, Carrier& carrier, TunnelId tunnel,
                                   std::string relay)
    : TunnelConnection(environment, std::move(relay)) {
  carrier_ = &carrier;
  tunnel_ = tunnel;
  carrier.attach(tunnel, *this);
}

std::unique_ptr<TunnelConnection> TunnelConnection::open(Environment& environment, Carrier& carrier,
                                                         const NodeId& target, std::string relay) {
  std::unique_ptr<TunnelConnection> end(new TunnelConnection(environment, std::move(relay)));
  end->tunnel_ = carrier.open(target, *end);
  if (end->tunnel_ == 0) return nullptr;
  end->carrier_ = &carrier;
  return end;
}

void TunnelConnection::read(std::span<char> buffer, ReadHandler done) {
  buffer_ = buffer;
  read_done_ = std::move(done);
  deliver();
}

void TunnelConnection::deliver() {
  if (!read_done_ || (in_.empty() && carrier_ != nullptr)) return;
  const std::size_t size = std::min(in_.size(), buffer_.size());
  std::copy_n(in_.data(), size, buffer_.data());
  in_.erase(0, size);
  const ErrorCode error = size == 0 ? error_ : ErrorCode();
  environment_.post([done = std::exchange(read_done_, {}), error, size] { done(error, size); });
  taken_bytes_ += size;
  if (carrier_ != nullptr && taken_bytes_ >= grant_bytes_min) {
    carrier_->grant(tunnel_, std::exchange(taken_bytes_, 0));
  }
}

void TunnelConnection::write(std::string_view bytes, WriteHandler done) {
  out_ = bytes;
  write_done_ = std::move(done);
  move_out();
}

void TunnelConnection::move_out() {
  if (!write_done_) return;
  if (carrier_ != nullptr && !out_.empty()) {
    const std::size_t size = std::min(out_.size(), carrier_->room(tunnel_));
    if (size != 0) carrier_->send(tunnel_, out_.substr(0, size));
    out_.remove_prefix(size);
  }
  if (carrier_ != nullptr && !out_.empty()) return;
  const ErrorCode error = out_.empty() ? ErrorCode() : error_;
  environment_.post([done = std::exchange(write_done_, {}), error] { done(error); });
}

void TunnelConnection::write_now(std::string_view bytes) {
  if (carrier_ != nullptr && bytes.size() <= carrier_->room(tunnel_)) {
    carrier_->send(tunnel_, bytes);
  }
}

// A tunnel has no halves: who has said all, and has been answered by nothing since, reads its end.
void TunnelConnection::shutdown_send() { finish(boost::asio::error::eof); }

void TunnelConnection::close() {
  in_.clear();
  finish(boost::asio::error::operation_aborted);
}

void TunnelConnection::finish(ErrorCode why) {
  if (Carrier* carrier = std::exchange(carrier_, nullptr)) carrier->close(tunnel_, {});
  if (!error_) error_ = why;
  deliver();
  move_out();
}

void TunnelConnection::tunnel_data(std::string_view bytes) {
  in_ += bytes;
  deliver();
}

void TunnelConnection::tunnel_credit(std::size_t) { move_out(); }

void TunnelConnection::tunnel_closed(ErrorCode why) {
  carrier_ = nullptr;
  error_ = why ? why : ErrorCode(boost::asio::error::eof);
  deliver();
  move_out();
}

}  // namespace replication
