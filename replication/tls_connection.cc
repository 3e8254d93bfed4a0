#include "replication/tls_connection.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include <boost/asio/error.hpp>
#include <boost/system/errc.hpp>
#include <cassert>
#include <utility>

namespace replication {
namespace {

using boost::system::error_code;

constexpr char handshake_record = 22;  // RFC 8446 §5.1.
constexpr char alert_record = 21;

struct SslFree {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
};

/// What OpenSSL's failure means between two nodes.
Errc tls_error(SSL* ssl) {
  const unsigned long code = ERR_peek_error();
  ERR_clear_error();
  switch (SSL_get_verify_result(ssl)) {
    case X509_V_OK:
      break;
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return Errc::expired_certificate;
    default:
      return Errc::untrusted_certificate;
  }
  if (ERR_GET_LIB(code) != ERR_LIB_SSL) return Errc::tls_failed;
  switch (ERR_GET_REASON(code)) {
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
      return Errc::untrusted_certificate;
    case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:  // Alerts that the peer sent.
    case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
    case SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE:
    case SSL_R_TLSV1_ALERT_ACCESS_DENIED:
    case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
    case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
      return Errc::certificate_refused;
    default:
      return Errc::tls_failed;
  }
}

/// The TLS of one connection. OpenSSL works on memory alone; the bytes travel by the connection
/// below. It reads there only for somebody who reads here, so that a slow reader is felt by the
/// peer.
///
/// The handlers of our user are kept in what the environment holds (the handlers below and posted
/// tasks), as they are without TLS, and not in here: they own their link, and so this stream.
class TlsStream : public std::enable_shared_from_this<TlsStream> {
 public:
  TlsStream(Environment& environment, std::shared_ptr<const LinkTls> tls, Role role,
            std::unique_ptr<Connection> below)
      : environment_(environment),
        tls_(std::move(tls)),
        role_(role),
        below_(std::move(below)),
        stage_(role == Role::dialler ? Stage::handshake : Stage::first_byte) {
    ssl_.reset(tls_->new_ssl());
    in_ = BIO_new(BIO_s_mem());
    out_ = BIO_new(BIO_s_mem());
    assert(ssl_ && in_ && out_);  // As with any other memory: without it nothing goes on.
    SSL_set_bio(ssl_.get(), in_, out_);
    if (role == Role::dialler) {
      SSL_set_connect_state(ssl_.get());
    } else {
      SSL_set_accept_state(ssl_.get());
    }
  }

  void read(std::span<char> buffer, Connection::ReadHandler done) {
    if (stage_ == Stage::clear) {
      below_->read(buffer, std::move(done));
      return;
    }
    auto users = users_now();
    users->buffer = buffer;
    users->read_done = std::move(done);
    advance(users);
  }

  void write(std::string_view bytes, Connection::WriteHandler done) {
    if (stage_ == Stage::clear) {
      below_->write(bytes, std::move(done));
      return;
    }
    auto users = users_now();
    users->bytes = bytes;
    users->write_done = std::move(done);
    advance(users);
  }

  void write_now(std::string_view bytes) {
    if (stage_ == Stage::open && !writing_) {
      seal(bytes);
      take_out();
      below_->write_now(sealed_);
    } else if (stage_ == Stage::clear) {
      below_->write_now(bytes);
    }
  }

  void shutdown_send() {
    if (stage_ != Stage::open) {
      below_->shutdown_send();
      return;
    }
    SSL_shutdown(ssl_.get());
    ERR_clear_error();
    ending_ = true;
    advance(users_now());
  }

  void close() { below_->close(); }

  std::string remote_address() const { return below_->remote_address(); }

  std::string channel_binding() const {
    if (stage_ != Stage::open) return {};
    // RFC 9266.
    constexpr std::string_view label = "EXPORTER-Channel-Binding";
    std::string binding(32, '\0');
    [[maybe_unused]] const int done =
        SSL_export_keying_material(ssl_.get(), reinterpret_cast<unsigned char*>(binding.data()),
                                   binding.size(), label.data(), label.size(), nullptr, 0, 1);
    assert(done == 1);
    return binding;
  }

  bool may_be(std::string_view node_name) const {
    if (stage_ != Stage::open) return true;
    X509* certificate = SSL_get0_peer_certificate(ssl_.get());
    return certificate != nullptr && tls_->is_for(certificate, node_name);
  }

 private:
  enum class Stage { first_byte, clear, handshake, open, failed };

  // What our user waits for.
  struct Users {
    std::span<char> buffer;
    Connection::ReadHandler read_done;
    std::string_view bytes;
    Connection::WriteHandler write_done;
  };
  using UsersPtr = std::shared_ptr<Users>;

  UsersPtr users_now() {
    UsersPtr users = users_.lock();
    if (!users) users_ = users = std::make_shared<Users>();
    return users;
  }

  void advance(const UsersPtr& users) {
    if (stage_ == Stage::handshake) shake();
    if (stage_ == Stage::open) {
      if (users->write_done && !users->bytes.empty()) {
        seal(users->bytes);
        users->bytes = {};
      }
      if (users->read_done) unseal(users);
    }
    if (!writing_) write_below(users);
    if (stage_ == Stage::failed && !writing_ && !lingers()) {
      finish_read(users, error_, 0);
      finish_write(users, error_);
    }
    if (users->read_done && !reading_) read_below(users);
  }

  // An acceptor that refuses a handshake reads to the end: to close with bytes unread would reset
  // the connection, and take away our alert before the peer has read it.
  bool lingers() const { return role_ == Role::acceptor && !was_open_ && !below_ended_; }

  void shake() {
    ERR_clear_error();
    const int done = SSL_do_handshake(ssl_.get());
    if (done == 1) {
      stage_ = Stage::open;
      was_open_ = true;
    } else if (SSL_get_error(ssl_.get(), done) != SSL_ERROR_WANT_READ) {
      fail(tls_error(ssl_.get()));
    }
  }

  void seal(std::string_view bytes) {
    if (bytes.empty()) return;
    ERR_clear_error();
    const int done = SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size()));
    if (done <= 0) fail(tls_error(ssl_.get()));  // Memory takes all; so TLS itself is over.
  }

  void unseal(const UsersPtr& users) {
    std::size_t filled = 0;
    while (filled < users->buffer.size()) {
      ERR_clear_error();
      const int done = SSL_read(ssl_.get(), users->buffer.data() + filled,
                                static_cast<int>(users->buffer.size() - filled));
      if (done > 0) {
        filled += static_cast<std::size_t>(done);
        continue;
      }
      const int why = SSL_get_error(ssl_.get(), done);
      if (why == SSL_ERROR_WANT_READ) break;
      if (filled == 0)
        fail(why == SSL_ERROR_ZERO_RETURN ? error_code(boost::asio::error::eof)
                                          : tls_error(ssl_.get()));
      break;  // What has come counts first; the next read finds the fault again.
    }
    if (filled > 0) finish_read(users, {}, filled);
  }

  void take_out() {
    sealed_.resize(BIO_ctrl_pending(out_));
    if (!sealed_.empty()) BIO_read(out_, sealed_.data(), static_cast<int>(sealed_.size()));
  }

  void write_below(const UsersPtr& users) {
    take_out();
    if (sealed_.empty()) {
      if (std::exchange(ending_, false)) below_->shutdown_send();
      if (users->write_done && users->bytes.empty()) finish_write(users, {});
      return;
    }
    writing_ = true;
    below_->write(sealed_, [self = shared_from_this(), users](error_code error) {
      self->writing_ = false;
      if (error) self->fail_below(error);
      self->advance(users);
    });
  }

  void read_below(const UsersPtr& users) {
    reading_ = true;
    below_->read(users->buffer,
                 [self = shared_from_this(), users](error_code error, std::size_t size) {
                   self->reading_ = false;
                   self->on_read_below(users, error, size);
                 });
  }

  void on_read_below(const UsersPtr& users, error_code error, std::size_t size) {
    const std::string_view bytes(users->buffer.data(), size);
    if (error) {
      fail_below(error);
    } else if (stage_ == Stage::first_byte && bytes.front() != handshake_record) {
      stage_ = Stage::clear;
      if (users->write_done) below_->write(users->bytes, std::exchange(users->write_done, {}));
      const bool may_pass = tls_->mode() != TlsMode::required;
      auto done = std::exchange(users->read_done, {});
      if (may_pass) {
        done({}, size);
      } else {
        done(Errc::tls_required, 0);
      }
      return;
    } else if (!heard_ && bytes.front() != handshake_record && bytes.front() != alert_record) {
      fail(Errc::no_tls);
    } else if (stage_ != Stage::failed) {
      heard_ = true;
      if (stage_ == Stage::first_byte) stage_ = Stage::handshake;
      BIO_write(in_, bytes.data(), static_cast<int>(bytes.size()));
    }
    advance(users);
  }

  void fail_below(error_code error) {
    below_ended_ = true;
    const bool gave_up = error == boost::system::errc::operation_canceled;
    // Who does not know TLS takes our first words for a broken frame.
    if (role_ == Role::dialler && !heard_ && !gave_up && tls_->mode() == TlsMode::optional) {
      error = Errc::no_tls;
    }
    fail(error);
  }

  void fail(error_code error) {
    if (stage_ == Stage::failed) return;  // The first fault is the one to tell.
    stage_ = Stage::failed;
    error_ = error;
    ending_ = !below_ended_;
  }

  void finish_read(const UsersPtr& users, error_code error, std::size_t size) {
    if (!users->read_done) return;
    environment_.post(
        [done = std::exchange(users->read_done, {}), error, size] { done(error, size); });
  }

  void finish_write(const UsersPtr& users, error_code error) {
    if (!users->write_done) return;
    environment_.post([done = std::exchange(users->write_done, {}), error] { done(error); });
  }

  Environment& environment_;
  const std::shared_ptr<const LinkTls> tls_;
  const Role role_;
  const std::unique_ptr<Connection> below_;
  std::unique_ptr<SSL, SslFree> ssl_;
  BIO* in_ = nullptr;  // Owned by ssl_.
  BIO* out_ = nullptr;
  Stage stage_;
  std::weak_ptr<Users> users_;
  std::string sealed_;  // On its way below.
  bool reading_ = false;
  bool writing_ = false;
  bool ending_ = false;  // Ends the sending side once all is written.
  bool was_open_ = false;
  bool heard_ = false;
  bool below_ended_ = false;
  error_code error_;
};

class TlsConnection : public Connection {
 public:
  explicit TlsConnection(std::shared_ptr<TlsStream> stream) : stream_(std::move(stream)) {}

  void read(std::span<char> buffer, ReadHandler done) override {
    stream_->read(buffer, std::move(done));
  }
  void write(std::string_view bytes, WriteHandler done) override {
    stream_->write(bytes, std::move(done));
  }
  void write_now(std::string_view bytes) override { stream_->write_now(bytes); }
  void shutdown_send() override { stream_->shutdown_send(); }
  void close() override { stream_->close(); }
  std::string remote_address() const override { return stream_->remote_address(); }
  std::string channel_binding() const override { return stream_->channel_binding(); }
  bool may_be(std::string_view node_name) const override { return stream_->may_be(node_name); }

 private:
  const std::shared_ptr<TlsStream> stream_;
};

}  // namespace

std::unique_ptr<Connection> tls_connection(Environment& environment,
                                           std::shared_ptr<const LinkTls> tls, Role role,
                                           std::unique_ptr<Connection> below) {
  return std::make_unique<TlsConnection>(
      std::make_shared<TlsStream>(environment, std::move(tls), role, std::move(below)));
}

}  // namespace replication
