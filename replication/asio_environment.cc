#include "replication/asio_environment.h"

#include <openssl/rand.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cassert>
#include <thread>
#include <utility>

#include "replication/tcp_connection.h"

namespace replication {
namespace {

using boost::system::error_code;
using Tcp = asio::ip::tcp;

class TcpListener : public Listener {
 public:
  explicit TcpListener(asio::io_context& io) : io_(io), acceptor_(io) {}

  error_code open(const std::string& host, std::uint16_t port) {
    error_code error;
    auto address = asio::ip::make_address(host, error);
    if (error) return error;
    const Tcp::endpoint endpoint(address, port);
    acceptor_.open(endpoint.protocol(), error);
    if (!error) acceptor_.set_option(Tcp::acceptor::reuse_address(true), error);
    if (!error) acceptor_.bind(endpoint, error);
    if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
    if (!error) port_ = acceptor_.local_endpoint(error).port();
    return error;
  }

  std::uint16_t port() const override { return port_; }

  void accept(AcceptHandler done) override {
    acceptor_.async_accept([this, done = std::move(done)](error_code error, Tcp::socket socket) {
      std::unique_ptr<Connection> connection;
      if (!error) connection = std::make_unique<TcpConnection>(io_, std::move(socket));
      done(error, std::move(connection));
    });
  }

  void close() override {
    error_code ignored;  // It is closed either way.
    acceptor_.close(ignored);
  }

 private:
  asio::io_context& io_;
  Tcp::acceptor acceptor_;
  std::uint16_t port_ = 0;
};

class AsioEnvironment : public Environment {
 public:
  AsioEnvironment() : io_(1), work_(io_.get_executor()) {}
  ~AsioEnvironment() override { assert(!thread_.joinable()); }

  Time now() const override { return std::chrono::steady_clock::now(); }

  void post(Task task) override { asio::post(io_, std::move(task)); }

  void after(std::chrono::steady_clock::duration delay, Task task) override {
    auto timer = std::make_shared<asio::steady_timer>(io_, delay);
    auto& waits = *timer;
    waits.async_wait([timer = std::move(timer), task = std::move(task)](error_code error) {
      if (!error) task();
    });
  }

  std::string random_bytes(std::size_t count) override {
    std::string bytes(count, '\0');
    [[maybe_unused]] int done =
        RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(count));
    assert(done == 1);  // Without randomness nothing can be proven, ever.
    return bytes;
  }

  Result<std::unique_ptr<Listener>> listen(const std::string& host, std::uint16_t port) override {
    auto listener = std::make_unique<TcpListener>(io_);
    if (auto error = listener->open(host, port)) return error;
    return std::unique_ptr<Listener>(std::move(listener));
  }

  std::unique_ptr<Connection> dial(const std::string& host, std::uint16_t port,
                                   DialHandler done) override {
    auto connection = std::make_unique<TcpConnection>(io_);
    connection->dial(host, port, std::move(done));
    return connection;
  }

  void start() override {
    thread_ = std::thread([this] { io_.run(); });
  }

  void finish() override { io_.stop(); }

  void join() override {
    if (!thread_.joinable()) return;
    assert(std::this_thread::get_id() != thread_.get_id());
    thread_.join();
  }

 private:
  asio::io_context io_;
  asio::executor_work_guard<asio::io_context::executor_type> work_;
  std::thread thread_;
};

}  // namespace

std::unique_ptr<Environment> asio_environment() { return std::make_unique<AsioEnvironment>(); }

}  // namespace replication
