#include "server/stream/connection.h"

#include <openssl/err.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <boost/asio/error.hpp>
#include <cerrno>
#include <cstring>
#include <utility>

namespace server {
namespace {

// Records of one connection in a row before the others get their turn.
constexpr int records_per_turn = 4;
constexpr std::size_t gather_max = 64;  // Buffers of one writev.
constexpr std::size_t tls_record_bytes = 16384;

boost::system::error_code last_error() { return {errno, boost::system::system_category()}; }

const boost::system::error_code tls_failed(EPROTO, boost::system::system_category());

}  // namespace

Connection::Connection(Loop& loop, Descriptor socket, Owner& owner, LoopCounters& counters)
    : loop_(loop),
      socket_(std::move(socket)),
      owner_(&owner),
      counters_(counters),
      write_progress_at_(loop.now()) {}

Connection::~Connection() = default;

void Connection::start() { watch(); }

/// Has the loop tell us of what matters now: a system call only when that changes.
void Connection::watch() {
  if (closed_) return;
  const std::uint32_t wanted = (is_reading() ? EPOLLIN : 0u) | (awaits_room_ ? EPOLLOUT : 0u);
  // Watched for nothing, a connection still hears of its end.
  if (wanted == watched_ && wanted != 0) return;
  watched_ = wanted;
  const auto error = loop_.watch(socket_.number(), wanted,
                                 std::shared_ptr<Loop::Watcher>(shared_from_this(), this));
  if (error) disconnected(error);
}

void Connection::on_ready(std::uint32_t events) {
  if ((events & EPOLLOUT) != 0) {
    awaits_room_ = false;
    if (tls_ == Tls::handshaking && !tls_after_flush_) {
      continue_handshake();
    } else {
      flush();
    }
  }
  if (closed_) return;
  if (is_reading()) {
    if ((events & ~EPOLLOUT) != 0) read_some();
  } else if ((events & (EPOLLERR | EPOLLHUP)) != 0) {
    return disconnected(asio::error::connection_reset);
  }
  watch();
}

void Connection::pause_reading() {
  reading_paused_ = true;
  watch();
}

void Connection::resume_reading() {
  reading_paused_ = false;
  watch();
  // Through the mailbox: OpenSSL may hold bytes for which no readiness will come.
  if (tls_ != Tls::established || SSL_has_pending(ssl_.get()) == 0) return;
  loop_.post([self = shared_from_this()] {
    if (self->closed_ || !self->is_reading()) return;
    self->read_some();
    self->watch();
  });
}

void Connection::read_some() {
  switch (tls_) {
    case Tls::none:
      return read_plain();
    case Tls::handshaking:
      return continue_handshake();
    case Tls::established:
      return read_tls();
  }
}

void Connection::read_plain() {
  auto& buffer = loop_.read_buffer();
  const ssize_t size = ::recv(socket_.number(), buffer.data(), buffer.size(), 0);
  if (size > 0) return take(static_cast<std::size_t>(size));
  if (size == 0) return disconnected(asio::error::eof);
  if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) disconnected(last_error());
}

void Connection::read_tls() {
  auto& buffer = loop_.read_buffer();
  for (int record = 0; record < records_per_turn; ++record) {
    std::size_t size = 0;
    ERR_clear_error();
    const int result = SSL_read_ex(ssl_.get(), buffer.data(), buffer.size(), &size);
    if (result != 1) {
      const int why = SSL_get_error(ssl_.get(), result);
      if (why == SSL_ERROR_WANT_READ) return;
      if (why == SSL_ERROR_WANT_WRITE) {
        awaits_room_ = true;
        return;
      }
      if (why == SSL_ERROR_ZERO_RETURN) return disconnected(asio::error::eof);
      return disconnected(why == SSL_ERROR_SYSCALL && errno != 0 ? last_error() : tls_failed);
    }
    take(size);
    // What the kernel still holds the loop tells us of; what OpenSSL has read ahead nobody does.
    if (closed_ || !is_reading() || SSL_has_pending(ssl_.get()) == 0) return;
  }
  resume_reading();
}

void Connection::take(std::size_t size) {
  counters_.stream_received_bytes.add(size);
  counters_.read_at = std::chrono::steady_clock::now();
  owner_->on_bytes({loop_.read_buffer().data(), size});
}

void Connection::start_tls(const TlsContext& context) {
  ssl_.reset(context.new_ssl());
  if (!ssl_)
    return disconnected(boost::system::error_code(ENOMEM, boost::system::system_category()));
  SSL_set_fd(ssl_.get(), socket_.number());
  SSL_set_accept_state(ssl_.get());
  tls_ = Tls::handshaking;
  tls_after_flush_ = queued_bytes_ > 0;  // <proceed/> is still to go out in clear.
  watch();
}

void Connection::continue_handshake() {
  ERR_clear_error();
  const int result = SSL_do_handshake(ssl_.get());
  if (result == 1) {
    tls_ = Tls::established;
    auto self = shared_from_this();
    if (owner_ == nullptr) return;
    owner_->on_tls_established();
    flush();  // What the owner may have queued.
    // Bytes may have come along with the client's last flight.
    if (!closed_ && is_reading()) read_tls();
    return;
  }
  const int why = SSL_get_error(ssl_.get(), result);
  if (why == SSL_ERROR_WANT_READ) return;
  if (why != SSL_ERROR_WANT_WRITE) return disconnected(tls_failed);
  awaits_room_ = true;
  watch();
}

void Connection::send(xmpp::SharedText bytes) {
  if (closed_ || close_after_flush_ || bytes.empty()) return;
  if (queued_bytes_ == 0) write_progress_at_ = loop_.now();
  queued_bytes_ += bytes.size();
  counters_.send_queue_bytes.raise(bytes.size());
  queue_.push_back(std::move(bytes));
  if (flush_queued_ || awaits_room_) return;
  flush_queued_ = true;
  loop_.flush_later(std::shared_ptr<Loop::Flushable>(shared_from_this(), this));
}

void Connection::flush() {
  flush_queued_ = false;
  auto self = shared_from_this();
  const bool in_clear = tls_ == Tls::none || tls_after_flush_;
  while (!closed_ && queued_bytes_ > 0) {
    if (!(in_clear ? write_plain() : write_tls())) return watch();
  }
  if (closed_) return;
  tls_after_flush_ = false;
  if (close_after_flush_) return shut();
  watch();
}

bool Connection::write_plain() {
  iovec vectors[gather_max];
  std::size_t count = 0;
  for (std::size_t index = queue_head_; index < queue_.size() && count < gather_max; ++index) {
    const std::size_t offset = index == queue_head_ ? head_offset_ : 0;
    vectors[count].iov_base = const_cast<char*>(queue_[index].data() + offset);
    vectors[count].iov_len = queue_[index].size() - offset;
    ++count;
  }
  msghdr message{};
  message.msg_iov = vectors;
  message.msg_iovlen = count;
  const ssize_t sent = ::sendmsg(socket_.number(), &message, MSG_NOSIGNAL);
  if (sent < 0) {
    if (errno == EINTR) return true;
    if (errno == EAGAIN || errno == EWOULDBLOCK) {
      awaits_room_ = true;
    } else {
      disconnected(last_error());
    }
    return false;
  }
  consume(static_cast<std::size_t>(sent));
  return true;
}

bool Connection::write_tls() {
  if (tls_ != Tls::established) return false;  // The handshake's end writes it.
  // One record for what has gathered: a record costs as much as some kilobytes of payload.
  thread_local std::array<char, tls_record_bytes> record;
  std::size_t size = 0;
  for (std::size_t index = queue_head_; index < queue_.size() && size < record.size(); ++index) {
    const std::size_t offset = index == queue_head_ ? head_offset_ : 0;
    const std::size_t part = std::min(queue_[index].size() - offset, record.size() - size);
    std::memcpy(record.data() + size, queue_[index].data() + offset, part);
    size += part;
  }
  std::size_t written = 0;
  ERR_clear_error();
  const int result = SSL_write_ex(ssl_.get(), record.data(), size, &written);
  if (result != 1) {
    const int why = SSL_get_error(ssl_.get(), result);
    if (why == SSL_ERROR_WANT_WRITE) {
      awaits_room_ = true;
    } else if (why != SSL_ERROR_WANT_READ) {
      disconnected(why == SSL_ERROR_SYSCALL && errno != 0 ? last_error() : tls_failed);
    }
    return false;
  }
  consume(written);
  return true;
}

void Connection::consume(std::size_t bytes) {
  counters_.stream_sent_bytes.add(bytes);
  counters_.send_queue_bytes.lower(bytes);
  write_progress_at_ = loop_.now();
  queued_bytes_ -= bytes;
  while (bytes > 0) {
    const std::size_t left = queue_[queue_head_].size() - head_offset_;
    if (bytes < left) {
      head_offset_ += bytes;
      break;
    }
    bytes -= left;
    head_offset_ = 0;
    queue_[queue_head_] = {};
    ++queue_head_;
  }
  if (queue_head_ == queue_.size()) {
    queue_head_ = 0;
    // An idle session owns no queue either.
    if (queue_.capacity() > 8) {
      std::vector<xmpp::SharedText>().swap(queue_);
    } else {
      queue_.clear();
    }
  } else if (queue_head_ > 256 && queue_head_ * 2 > queue_.size()) {
    queue_.erase(queue_.begin(), queue_.begin() + static_cast<std::ptrdiff_t>(queue_head_));
    queue_head_ = 0;
  }
}

void Connection::close_after_flush() {
  if (closed_) return;
  close_after_flush_ = true;
  owner_ = nullptr;
  if (queued_bytes_ == 0) return shut();
  watch();
}

void Connection::shut() {
  if (tls_ == Tls::established) {
    ERR_clear_error();
    SSL_shutdown(ssl_.get());  // Our close_notify; the other side's is not waited for.
  }
  close();
}

void Connection::close() {
  if (std::exchange(closed_, true)) return;
  const auto self = shared_from_this();
  loop_.unwatch(socket_.number());
  ::shutdown(socket_.number(), SHUT_RDWR);
  socket_.close();
  queue_.clear();
  counters_.send_queue_bytes.lower(queued_bytes_);
  queue_head_ = head_offset_ = queued_bytes_ = 0;
}

void Connection::disconnected(boost::system::error_code error) {
  if (closed_) return;
  auto self = shared_from_this();
  close();
  if (owner_ != nullptr) owner_->on_disconnected(error);
}

}  // namespace server
