#include "tools/cluster/control_server.h"

#include <sys/stat.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <chrono>
#include <deque>
#include <exception>
#include <memory>
#include <system_error>
#include <utility>

namespace cluster {

using Socket = asio::local::stream_protocol;
namespace json = boost::json;
using namespace std::chrono_literals;

namespace {

constexpr auto use_result = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t connections_max = 64;
constexpr std::size_t lines_waiting_max = 1000;  // Progress beyond it is dropped, a reply is not.
constexpr auto request_limit = 5s;

void rethrow(const std::exception_ptr& failure) {
  if (failure) std::rethrow_exception(failure);
}

}  // namespace

/// One command's connection. Lines wait here for the socket, so that no operation on the cluster
/// waits for a command that does not read.
struct ControlServer::Connection : std::enable_shared_from_this<Connection> {
  Connection(Socket::socket its_socket, std::size_t& its_counter)
      : socket(std::move(its_socket)), counter(its_counter) {
    ++counter;
  }
  ~Connection() { --counter; }

  void send(std::string line, bool droppable) {
    if (droppable && lines.size() >= lines_waiting_max) return;
    lines.push_back(std::move(line));
    if (!sending) asio::co_spawn(socket.get_executor(), flush(shared_from_this()), rethrow);
    sending = true;
  }

  static asio::awaitable<void> flush(std::shared_ptr<Connection> self) {
    while (!self->lines.empty()) {
      const auto [error, size] =
          co_await asio::async_write(self->socket, asio::buffer(self->lines.front()), use_result);
      if (error) co_return;  // The command has gone; what it asked for goes on.
      self->lines.pop_front();
    }
    self->sending = false;
  }

  Socket::socket socket;
  std::size_t& counter;
  std::deque<std::string> lines;
  bool sending = false;
};

ControlServer::ControlServer(asio::io_context& loop, Command command)
    : loop_(loop), command_(std::move(command)), acceptor_(loop) {}

Result<void> ControlServer::listen(const std::filesystem::path& socket) {
  const auto fault = [&](const std::string& why) {
    return Fault{"cannot listen on " + socket.string() + ": " + why,
                 "--folder=DIRECTORY with a shorter path"};
  };
  if (socket.string().size() >= sizeof(sockaddr_un::sun_path)) return fault("the path is too long");
  std::error_code ignored;
  std::filesystem::remove(socket, ignored);
  boost::system::error_code error;
  acceptor_.open(Socket(), error);
  // No moment in which others could connect: the socket is made without their rights.
  const mode_t mask = umask(0177);
  if (!error) acceptor_.bind(Socket::endpoint(socket.string()), error);
  umask(mask);
  if (!error) acceptor_.listen(Socket::acceptor::max_listen_connections, error);
  if (error) return fault(error.message());
  asio::co_spawn(loop_, accept_all(), rethrow);
  return {};
}

void ControlServer::stop() {
  boost::system::error_code ignored;
  acceptor_.close(ignored);
}

asio::awaitable<void> ControlServer::replies_sent(Deadline deadline) {
  while (connections_ > 0 && std::chrono::steady_clock::now() < deadline) {
    asio::steady_timer pause(loop_, 10ms);
    co_await pause.async_wait(use_result);
  }
}

asio::awaitable<void> ControlServer::accept_all() {
  while (acceptor_.is_open()) {
    Socket::socket socket(loop_);
    const auto [error] = co_await acceptor_.async_accept(socket, use_result);
    if (error == asio::error::operation_aborted) co_return;
    if (error || connections_ >= connections_max) continue;
    auto connection = std::make_shared<Connection>(std::move(socket), connections_);
    asio::co_spawn(loop_, serve(std::move(connection)), rethrow);
  }
}

asio::awaitable<void> ControlServer::serve(std::shared_ptr<Connection> connection) {
  std::string line;
  asio::steady_timer timer(loop_, request_limit);
  timer.async_wait([weak = std::weak_ptr(connection)](const boost::system::error_code& error) {
    const auto late = weak.lock();
    if (!error && late) late->socket.cancel();
  });
  const auto [unread, size] = co_await asio::async_read_until(
      connection->socket, asio::dynamic_buffer(line, request_bytes_max), '\n', use_result);
  timer.cancel();
  if (unread) co_return;
  boost::system::error_code malformed;
  const json::value request = json::parse(line.substr(0, size), malformed);
  if (malformed || !request.is_object()) {
    const Fault fault{"not a command: a line of JSON is expected", ""};
    connection->send(reply_line(reply_of(fault)), false);
    co_return;
  }
  const Progress progress = [connection](const std::string& text) {
    connection->send(progress_line(text), true);
  };
  const Reply reply = co_await command_(request.get_object(), progress);
  connection->send(reply_line(reply), false);
}

}  // namespace cluster
