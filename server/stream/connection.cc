#include "server/stream/connection.h"

#include <openssl/err.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <boost/asio/error.hpp>
#include <cerrno>
#include <cstring>
#include <utility>

namespace server {
namespace {

// Reads of one connection in a row before the others get their turn.
constexpr int reads_per_turn = 4;
constexpr std::size_t gather_max = 64;  // Buffers of one writev.
constexpr std::size_t tls_record_bytes = 16384;

boost::system::error_code last_error() { return {errno, boost::system::system_category()}; }

const boost::system::error_code tls_failed(EPROTO, boost::system::system_category());

}  // namespace

Connection::Connection(Loop& loop, asio::ip::tcp::socket socket, Owner& owner,
                       LoopCounters& counters)
    : loop_(loop),
      socket_(std::move(socket)),
      owner_(&owner),
      counters_(counters),
      write_progress_at_(loop.now()) {}

Connection::~Connection() = default;

void Connection::start() { wait_readable(); }

std::string Connection::remote_address() const {
  boost::system::error_code error;
  const auto endpoint = socket_.remote_endpoint(error);
  return error ? std::string("?") : endpoint.address().to_string();
}

void Connection::wait_readable() {
  if (closed_ || owner_ == nullptr || read_waiting_ || reading_paused_) return;
  read_waiting_ = true;
  socket_.async_wait(asio::ip::tcp::socket::wait_read,
                     [self = shared_from_this()](boost::system::error_code error) {
                       self->read_waiting_ = false;
                       if (self->closed_ || self->owner_ == nullptr) return;
                       if (error == asio::error::operation_aborted) return;
                       if (error) return self->disconnected(error);
                       if (self->tls_ == Tls::handshaking) return self->continue_handshake();
                       self->read_some();
                     });
}

void Connection::resume_reading() {
  reading_paused_ = false;
  // Through the mailbox: OpenSSL may hold bytes for which no readiness will come.
  loop_.post([self = shared_from_this()] {
    if (!self->closed_ && !self->read_waiting_ && !self->reading_paused_) self->read_some();
  });
}

void Connection::read_some() {
  auto self = shared_from_this();
  auto& buffer = loop_.read_buffer();
  for (int turn = 0; turn < reads_per_turn; ++turn) {
    if (closed_ || owner_ == nullptr || reading_paused_ || tls_ == Tls::handshaking) return;
    std::size_t size = 0;
    bool drained = false;
    if (tls_ == Tls::established) {
      ERR_clear_error();
      const int result = SSL_read_ex(ssl_.get(), buffer.data(), buffer.size(), &size);
      if (result != 1) {
        const int why = SSL_get_error(ssl_.get(), result);
        if (why == SSL_ERROR_WANT_READ) return wait_readable();
        if (why == SSL_ERROR_WANT_WRITE) return wait_writable();
        if (why == SSL_ERROR_ZERO_RETURN) return disconnected(asio::error::eof);
        return disconnected(why == SSL_ERROR_SYSCALL && errno != 0 ? last_error() : tls_failed);
      }
      // What the kernel still holds the loop tells us of; what OpenSSL has read ahead nobody does.
      drained = SSL_has_pending(ssl_.get()) == 0;
    } else {
      const ssize_t received = ::recv(socket_.native_handle(), buffer.data(), buffer.size(), 0);
      if (received < 0) {
        if (errno == EAGAIN || errno == EWOULDBLOCK) return wait_readable();
        if (errno == EINTR) continue;
        return disconnected(last_error());
      }
      if (received == 0) return disconnected(asio::error::eof);
      size = static_cast<std::size_t>(received);
      drained = size < buffer.size();
    }
    counters_.stream_received_bytes.add(size);
    counters_.read_at = std::chrono::steady_clock::now();
    owner_->on_bytes({buffer.data(), size});
    if (drained) return wait_readable();
  }
  if (closed_ || owner_ == nullptr || tls_ == Tls::handshaking) return;
  if (tls_ == Tls::established && SSL_has_pending(ssl_.get()) != 0) return resume_reading();
  wait_readable();
}

void Connection::start_tls(const TlsContext& context) {
  ssl_.reset(context.new_ssl());
  if (!ssl_)
    return disconnected(boost::system::error_code(ENOMEM, boost::system::system_category()));
  SSL_set_fd(ssl_.get(), socket_.native_handle());
  SSL_set_accept_state(ssl_.get());
  tls_ = Tls::handshaking;
  if (queued_bytes_ > 0) {
    tls_after_flush_ = true;  // <proceed/> is still to go out in clear.
    return;
  }
  wait_readable();
}

void Connection::continue_handshake() {
  ERR_clear_error();
  const int result = SSL_do_handshake(ssl_.get());
  if (result == 1) {
    tls_ = Tls::established;
    auto self = shared_from_this();
    if (owner_ == nullptr) return;
    owner_->on_tls_established();
    flush();                    // What the owner may have queued.
    if (!closed_) read_some();  // Bytes may have come along with the client's last flight.
    return;
  }
  const int why = SSL_get_error(ssl_.get(), result);
  if (why == SSL_ERROR_WANT_READ) return wait_readable();
  if (why == SSL_ERROR_WANT_WRITE) return wait_writable();
  disconnected(tls_failed);
}

void Connection::send(Bytes bytes) {
  if (closed_ || close_after_flush_ || bytes->empty()) return;
  if (queued_bytes_ == 0) write_progress_at_ = loop_.now();
  queued_bytes_ += bytes->size();
  counters_.send_queue_bytes.raise(bytes->size());
  queue_.push_back(std::move(bytes));
  if (flush_queued_ || write_waiting_) return;
  flush_queued_ = true;
  loop_.flush_later(std::shared_ptr<Loop::Flushable>(shared_from_this(), this));
}

void Connection::wait_writable() {
  if (closed_ || write_waiting_) return;
  write_waiting_ = true;
  socket_.async_wait(asio::ip::tcp::socket::wait_write,
                     [self = shared_from_this()](boost::system::error_code error) {
                       self->write_waiting_ = false;
                       if (self->closed_ || error == asio::error::operation_aborted) return;
                       if (error) return self->disconnected(error);
                       if (self->tls_ == Tls::handshaking && !self->tls_after_flush_) {
                         return self->continue_handshake();
                       }
                       self->flush();
                     });
}

void Connection::flush() {
  flush_queued_ = false;
  auto self = shared_from_this();
  const bool in_clear = tls_ == Tls::none || tls_after_flush_;
  while (!closed_ && queued_bytes_ > 0) {
    if (!(in_clear ? write_plain() : write_tls())) return;
  }
  if (closed_) return;
  if (std::exchange(tls_after_flush_, false)) return wait_readable();
  if (close_after_flush_) shut();
}

bool Connection::write_plain() {
  iovec vectors[gather_max];
  std::size_t count = 0;
  for (std::size_t index = queue_head_; index < queue_.size() && count < gather_max; ++index) {
    const std::size_t offset = index == queue_head_ ? head_offset_ : 0;
    vectors[count].iov_base = const_cast<char*>(queue_[index]->data() + offset);
    vectors[count].iov_len = queue_[index]->size() - offset;
    ++count;
  }
  msghdr message{};
  message.msg_iov = vectors;
  message.msg_iovlen = count;
  const ssize_t sent = ::sendmsg(socket_.native_handle(), &message, MSG_NOSIGNAL);
  if (sent < 0) {
    if (errno == EINTR) return true;
    if (errno == EAGAIN || errno == EWOULDBLOCK) {
      wait_writable();
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
    const std::size_t part = std::min(queue_[index]->size() - offset, record.size() - size);
    std::memcpy(record.data() + size, queue_[index]->data() + offset, part);
    size += part;
  }
  std::size_t written = 0;
  ERR_clear_error();
  const int result = SSL_write_ex(ssl_.get(), record.data(), size, &written);
  if (result != 1) {
    const int why = SSL_get_error(ssl_.get(), result);
    if (why == SSL_ERROR_WANT_WRITE) {
      wait_writable();
    } else if (why == SSL_ERROR_WANT_READ) {
      wait_readable();
    } else {
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
    const std::size_t left = queue_[queue_head_]->size() - head_offset_;
    if (bytes < left) {
      head_offset_ += bytes;
      break;
    }
    bytes -= left;
    head_offset_ = 0;
    queue_[queue_head_].reset();
    ++queue_head_;
  }
  if (queue_head_ == queue_.size()) {
    queue_head_ = 0;
    // An idle session owns no queue either.
    if (queue_.capacity() > 8) {
      std::vector<Bytes>().swap(queue_);
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
  if (queued_bytes_ == 0) shut();
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
  boost::system::error_code ignored;  // A socket that is broken closes all the same.
  socket_.shutdown(asio::ip::tcp::socket::shutdown_both, ignored);
  socket_.close(ignored);
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
