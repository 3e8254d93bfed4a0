#include "replication/asio_environment.h"

#include <openssl/rand.h>

#include <boost/asio/defer.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cassert>
#include <condition_variable>
#include <list>
#include <mutex>
#include <thread>
#include <utility>

#include "replication/link_loop.h"
#include "replication/tcp_connection.h"

namespace replication {
namespace {

using boost::system::error_code;
using Tcp = asio::ip::tcp;

class TcpListener : public Listener {
 public:
  explicit TcpListener(LinkLoop loop) : loop_(std::move(loop)), acceptor_(loop_.io) {}

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
    acceptor_.async_accept(
        loop_.task([this, done = std::move(done)](error_code error, Tcp::socket socket) {
          std::unique_ptr<Connection> connection;
          if (!error) connection = std::make_unique<TcpConnection>(loop_, std::move(socket));
          done(error, std::move(connection));
        }));
  }

  void close() override {
    error_code ignored;  // It is closed either way.
    acceptor_.close(ignored);
  }

 private:
  const LinkLoop loop_;
  Tcp::acceptor acceptor_;
  std::uint16_t port_ = 0;
};

// On a loop that others run. Here is what both kinds have in common.
class AsioEnvironment : public Environment {
 public:
  explicit AsioEnvironment(asio::io_context& io) : loop_(io) {}

  Time now() const override { return std::chrono::steady_clock::now(); }

  // Not asio::post(): that wakes a loop on whose thread it is called.
  void post(Task task) override { asio::defer(loop_.io, loop_.task(std::move(task))); }

  void after(std::chrono::steady_clock::duration delay, Task task) override {
    if (loop_.is_over()) return;
    const auto timer = timers_.emplace(timers_.end(), loop_.io, delay);
    timer->async_wait(loop_.task([this, timer, task = std::move(task)](error_code) {
      timers_.erase(timer);
      task();
    }));
  }

  std::string random_bytes(std::size_t count) override {
    std::string bytes(count, '\0');
    [[maybe_unused]] int done =
        RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(count));
    assert(done == 1);  // Without randomness nothing can be proven, ever.
    return bytes;
  }

  Result<std::unique_ptr<Listener>> listen(const std::string& host, std::uint16_t port) override {
    auto listener = std::make_unique<TcpListener>(loop_);
    if (auto error = listener->open(host, port)) return error;
    return std::unique_ptr<Listener>(std::move(listener));
  }

  std::unique_ptr<Connection> dial(const std::string& host, std::uint16_t port,
                                   DialHandler done) override {
    auto connection = std::make_unique<TcpConnection>(loop_);
    connection->dial(host, port, std::move(done));
    return connection;
  }

  void start() override { ending_ = std::make_shared<Ending>(); }

  void finish(Task last) override {
    AsioEnvironment::close();
    // Behind the handlers of all that has been closed, and of the present task.
    asio::post(loop_.io, [ending = ending_, last = std::move(last)] {
      {
        std::lock_guard lock(ending->mutex);
        ending->has_come = true;
      }
      ending->changed.notify_all();
      if (last) last();
    });
  }

  void join() override {
    if (ending_ == nullptr) return;
    assert(!loop_.io.get_executor().running_in_this_thread());
    std::unique_lock lock(ending_->mutex);
    ending_->changed.wait(lock, [this] { return ending_->has_come; });
  }

  void close() override {
    loop_.end();
    timers_.clear();  // Or they would keep the loop from running out of work.
  }

 private:
  struct Ending {
    std::mutex mutex;
    std::condition_variable changed;
    bool has_come = false;
  };

  const LinkLoop loop_;
  std::list<asio::steady_timer> timers_;
  std::shared_ptr<Ending> ending_;  // From start() on.
};

struct OwnLoop {
  asio::io_context io{1};
};

// On a loop of its own, which its own thread runs.
class OwnThreadEnvironment : private OwnLoop, public AsioEnvironment {
 public:
  OwnThreadEnvironment() : AsioEnvironment(io), work_(io.get_executor()) {}
  ~OwnThreadEnvironment() override { assert(!thread_.joinable()); }

  void start() override {
    thread_ = std::thread([this] {
      io.run();
      if (last_) last_();
    });
  }

  void finish(Task last) override {
    last_ = std::move(last);
    io.stop();
  }

  void join() override {
    if (!thread_.joinable()) return;
    assert(std::this_thread::get_id() != thread_.get_id());
    thread_.join();
  }

  void close() override {
    io.stop();
    join();
    AsioEnvironment::close();
  }

 private:
  asio::executor_work_guard<asio::io_context::executor_type> work_;
  std::thread thread_;
  Task last_;
};

}  // namespace

std::unique_ptr<Environment> asio_environment() { return std::make_unique<OwnThreadEnvironment>(); }

std::unique_ptr<Environment> asio_environment(asio::io_context& loop) {
  return std::make_unique<AsioEnvironment>(loop);
}

}  // namespace replication
