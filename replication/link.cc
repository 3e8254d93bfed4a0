#include "replication/link.h"

#include <boost/asio/buffer.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <string_view>
#include <utility>

namespace replication {
namespace {

using boost::system::error_code;

// One read takes what the kernel has; more only delays the acks.
constexpr std::size_t read_bytes = 256 * 1024;
constexpr std::size_t write_bytes = 256 * 1024;

// Acks and pongs that wait for the socket; a peer that reads at all never comes near.
constexpr std::size_t control_bytes_max = 1 << 20;

}  // namespace

Link::Link(asio::io_context& io, LinkHost& host, Handshake::Local local,
           std::size_t frame_bytes_max)
    : last_heard(Clock::now()),
      last_ping(last_heard),
      io_(io),
      host_(host),
      frame_bytes_max_(frame_bytes_max),
      role_(local.role),
      peer_name_(local.wanted),
      socket_(io),
      resolver_(io),
      handshake_(std::move(local), [this](const Hello& peer) { return host_.admit(*this, peer); }),
      decoder_(hello_bytes_max) {}

void Link::dial(const std::string& host, std::uint16_t port) {
  error_code no_address;
  auto address = asio::ip::make_address(host, no_address);
  if (!no_address) {
    connect({address, port});
    return;
  }
  resolver_.async_resolve(
      host, std::to_string(port),
      [self = shared_from_this()](error_code error, const Tcp::resolver::results_type& results) {
        if (self->closed_) return;
        if (error) {
          self->close(error);
          return;
        }
        self->address_ = results.begin()->endpoint().address().to_string();
        asio::async_connect(self->socket_, results, [self](error_code error, const Tcp::endpoint&) {
          self->on_connected(error);
        });
      });
}

void Link::connect(const Tcp::endpoint& endpoint) {
  address_ = endpoint.address().to_string();
  socket_.async_connect(
      endpoint, [self = shared_from_this()](error_code error) { self->on_connected(error); });
}

void Link::accept(Tcp::socket socket) {
  socket_ = std::move(socket);
  error_code error;
  address_ = socket_.remote_endpoint(error).address().to_string();
  on_connected(error);
}

void Link::on_connected(error_code error) {
  if (closed_) return;
  if (error) {
    close(error);
    return;
  }
  connected_ = true;
  // Writes are gathered by us; Nagle would only hold back the last of them. Failing changes
  // nothing.
  socket_.set_option(Tcp::no_delay(true), error);
  in_.resize(hello_bytes_max);
  send(handshake_.start());
  read();
}

void Link::establish(NodeState& node, NodeRef peer) {
  peer_ = peer;
  outflow_.emplace(node, peer);
  inflow_.emplace(node, peer, *outflow_);
  inflow_->begin();
  decoder_.set_frame_bytes_max(frame_bytes_max_);
}

void Link::read() {
  socket_.async_read_some(asio::buffer(in_),
                          [self = shared_from_this()](error_code error, std::size_t size) {
                            self->on_read(error, size);
                          });
}

void Link::on_read(error_code error, std::size_t size) {
  if (closed_ || parting_) return;
  if (error) {
    close(error);
    return;
  }
  last_heard = Clock::now();
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
  }
  pump();
  read();
}

error_code Link::take(const Frame& frame, std::string& last_words) {
  if (established()) return inflow_->take(frame);
  Handshake::Step step = handshake_.take(frame);
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
    error_code ignored;  // The other side may have closed before us.
    socket_.shutdown(Tcp::socket::shutdown_send, ignored);
  }
}

void Link::write() {
  writing_ = true;
  asio::async_write(socket_, asio::buffer(out_),
                    [self = shared_from_this()](error_code error, std::size_t) {
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
  error_code ignored;  // Whatever fails here, the connection is over.
  resolver_.cancel();
  if (connected_ && !writing_ && !last_words.empty()) {
    socket_.non_blocking(true, ignored);
    socket_.send(asio::buffer(last_words), 0, ignored);
  }
  socket_.shutdown(Tcp::socket::shutdown_both, ignored);
  socket_.close(ignored);
  asio::post(io_, [self = shared_from_this(), why] { self->host_.closed(self, why); });
}

}  // namespace replication
