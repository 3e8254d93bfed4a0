#include "replication/link.h"

#include <string_view>
#include <utility>

#include "replication/tls_connection.h"

namespace replication {
namespace {

using boost::system::error_code;

// What one read brings at most is still in the processor's cache when it is taken.
constexpr std::size_t read_bytes = 64 * 1024;
constexpr std::size_t write_bytes = 256 * 1024;

// Acks and pongs that wait for the socket; a peer that reads at all never comes near.
constexpr std::size_t control_bytes_max = 1 << 20;

// The first byte of TLS (RFC 8446 §5.1), which no frame has: that would be one of 350 MB.
constexpr char tls_first_byte = 22;

}  // namespace

Link::Link(Environment& environment, LinkHost& host, Handshake::Local local,
           std::size_t frame_bytes_max, std::shared_ptr<const LinkTls> tls)
    : last_heard(environment.now()),
      last_ping(last_heard),
      environment_(environment),
      host_(host),
      frame_bytes_max_(frame_bytes_max),
      tls_(std::move(tls)),
      role_(local.role),
      peer_name_(local.wanted),
      begun_(last_heard),
      handshake_(std::move(local), [this](const Hello& peer) { return host_.admit(*this, peer); }),
      decoder_(hello_bytes_max) {}

void Link::dial(const std::string& host, std::uint16_t port) {
  use(environment_.dial(
      host, port, [self = shared_from_this()](error_code error) { self->on_connected(error); }));
}

void Link::dial(std::unique_ptr<Connection> tunnel, std::string via) {
  via_ = std::move(via);
  use(std::move(tunnel));
  on_connected({});
}

void Link::accept(std::unique_ptr<Connection> connection, std::string via) {
  via_ = std::move(via);
  use(std::move(connection));
  on_connected({});
}

void Link::use(std::unique_ptr<Connection> connection) {
  connection_ = tls_ ? tls_connection(environment_, tls_, role_, std::move(connection))
                     : std::move(connection);
}

void Link::on_connected(error_code error) {
  if (closed_) return;
  if (error) {
    close(error);
    return;
  }
  connected_ = true;
  address_ = connection_->remote_address();
  in_.resize(hello_bytes_max);
  send(handshake_.start());
  read();
}

void Link::establish(NodeState& node, NodeRef peer) {
  peer_ = peer;
  outflow_.emplace(node, peer);
  if (!is_relayed()) {
    CarrierHost& carrier_host = *this;
    carrier_.emplace(carrier_host, *outflow_, role_);
    outflow_->carry(*carrier_);
  }
  inflow_.emplace(node, peer, *outflow_, carrier());
  inflow_->begin();
  decoder_.set_frame_bytes_max(frame_bytes_max_);
}

void Link::read() {
  connection_->read(in_, [self = shared_from_this()](error_code error, std::size_t size) {
    self->on_read(error, size);
  });
}

void Link::on_read(error_code error, std::size_t size) {
  if (closed_ || parting_) return;
  if (error == make_error_code(Errc::tls_required)) {
    close(error, refusal(error));
    return;
  }
  if (error) {
    close(error);
    return;
  }
  if (!tls_ && role_ == Role::acceptor && !heard_ && in_.front() == tls_first_byte) {
    close(Errc::no_tls, refusal(Errc::no_tls));
    return;
  }
  if (!heard_) {
    heard_ = true;
    channel_ = {connection_->channel_binding(),
                [this](std::string_view name) { return connection_->may_be(name); }};
  }
  last_heard = environment_.now();
  decoder_.feed({in_.data(), size});
  for (;;) {
    auto frame = decoder_.next();
    std::string last_words;
    if (frame && !*frame) break;
    error = frame ? take(**frame, last_words) : frame.error();
    if (closed_) return;
    if (error) {
      close(error, last_words);
      return;
    }
  }
  if (established()) {
    if (in_.size() < read_bytes) in_.resize(read_bytes);
    inflow_->acknowledge();
    if (outflow_->control_bytes() > control_bytes_max) {
      close(Errc::bad_frame);  // It pings and pings, and never reads what we answer.
      return;
    }
    host_.received(*this);
    if (closed_) return;
  } else {
    pump();
  }
  read();
}

error_code Link::take(const Frame& frame, std::string& last_words) {
  if (established()) return inflow_->take(frame);
  Handshake::Step step = handshake_.take(frame, channel_);
  if (step.error) {
    refused_by_peer_ = step.refused_by_peer;
    last_words = std::move(step.send);
    return step.error;
  }
  send(step.send);
  if (step.proven) {
    peer_name_ = hello().id.name;
    host_.proven(shared_from_this());
  }
  return {};
}

void Link::send(std::string_view bytes) {
  queued_ += bytes;
  pump();
}

void Link::pump() {
  if (writing_ || closed_ || !connected_) return;
  out_.assign(queued_);  // Keeps its memory.
  queued_.clear();
  if (established()) outflow_->fill(write_bytes, out_);
  if (!out_.empty()) {
    write();
  } else if (finishing_) {
    connection_->shutdown_send();
  }
}

void Link::write() {
  writing_ = true;
  connection_->write(out_, [self = shared_from_this()](error_code error) {
    self->writing_ = false;
    if (self->closed_) return;
    if (error || (self->parting_ && self->queued_.empty())) {
      self->close(self->parting_.value_or(error));
    } else {
      self->pump();
    }
  });
}

void Link::finish() {
  finishing_ = true;
  pump();
}

void Link::close(error_code why, const std::string& last_words) {
  if (closed_) return;
  if (writing_ && !last_words.empty()) {
    queued_ += last_words;
    parting_ = why;
    return;
  }
  closed_ = true;
  if (connected_ && !writing_ && !last_words.empty()) connection_->write_now(last_words);
  if (connection_) connection_->close();
  if (carrier_) carrier_->end();
  environment_.post([self = shared_from_this(), why] { self->host_.closed(self, why); });
}

}  // namespace replication
