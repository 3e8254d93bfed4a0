#include "server/admin/http_listener.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/completion_condition.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/status.hpp>
#include <exception>
#include <memory>
#include <optional>

#include "server/admin/answer_post.h"
#include "server/log/log.h"

namespace server {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using asio::ip::tcp;
using boost::system::error_code;

constexpr auto use_result = asio::as_tuple(asio::use_awaitable);
constexpr auto answer_timeout = std::chrono::seconds(30);  // Longer than any database deadline.
constexpr auto linger_timeout = std::chrono::seconds(1);
constexpr auto accept_pause = std::chrono::milliseconds(100);  // Out of descriptors.
constexpr std::size_t linger_bytes_max = 128 * 1024;

/// An answer on its way. Touched on the loop only.
struct Answer {
  std::optional<HttpReply> reply;
  asio::steady_timer* waiting = nullptr;  ///< Null once nobody waits.
};

std::string serialize(const HttpReply& reply, bool keep_alive) {
  std::string text = "HTTP/1.1 " + std::to_string(reply.status) + " ";
  text += std::string(beast::http::obsolete_reason(beast::http::int_to_status(reply.status)));
  text += "\r\nContent-Type: " + reply.content_type;
  text += "\r\nContent-Length: " + std::to_string(reply.body.size());
  text += "\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff";
  for (const auto& [name, value] : reply.headers) text += "\r\n" + name + ": " + value;
  if (!keep_alive) text += "\r\nConnection: close";
  return text + "\r\n\r\n" + reply.body;
}

void report(std::exception_ptr failure) {
  if (!failure) return;
  try {
    std::rethrow_exception(failure);
  } catch (const std::exception& error) {
    log::event(log::Level::error, "admin", "connection_failed", {{"reason", error.what()}});
  }
}

}  // namespace

/// A socket and the deadline of what is done with it. A deadline that passes cancels the operation
/// and leaves the socket open, so that the client can be told (beast::tcp_stream would close it).
struct HttpListener::Connection : std::enable_shared_from_this<Connection> {
  explicit Connection(tcp::socket accepted)
      : socket(std::move(accepted)), timer(socket.get_executor()) {}

  void expire_after(std::chrono::milliseconds limit) {
    is_late = false;
    ++deadlines;
    timer.expires_after(limit);
    timer.async_wait([weak = weak_from_this(), number = deadlines](error_code error) {
      const auto connection = weak.lock();
      // It may have expired in the moment that the operation ended in time.
      if (error || !connection || connection->deadlines != number) return;
      connection->is_late = true;
      error_code ignored;
      connection->socket.cancel(ignored);
    });
  }

  void expire_never() {
    ++deadlines;
    timer.cancel();
  }

  tcp::socket socket;
  asio::steady_timer timer;
  std::uint64_t deadlines = 0;
  bool is_late = false;  // The last deadline has passed.
  std::string buffer;    // Read, and not yet used.
  std::string address;
};

HttpListener::HttpListener(asio::io_context& loop, const AdminServerOptions& options,
                           Dispatcher& dispatcher, std::shared_ptr<AnswerPost> answers)
    : loop_(loop),
      options_(options),
      dispatcher_(dispatcher),
      answers_(std::move(answers)),
      acceptor_(loop) {}

error_code HttpListener::open(const Endpoint& endpoint, bool checks_host) {
  error_code error;
  const auto address = asio::ip::make_address(endpoint.host, error);
  if (error) return error;
  const tcp::endpoint bound(address, endpoint.port);
  acceptor_.open(bound.protocol(), error);
  if (error) return error;
  acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor_.bind(bound, error);
  if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
  if (error) return error;
  checks_host_ = checks_host;
  const std::string port = ":" + std::to_string(this->endpoint().port);
  const bool is_ipv6 = endpoint.host.find(':') != std::string::npos;
  known_hosts_ = {is_ipv6 ? "[" + endpoint.host + "]" + port : endpoint.host + port,
                  "localhost" + port, "127.0.0.1" + port, "[::1]" + port};
  for (const std::string& host : options_.hosts) known_hosts_.insert(host + port);
  return {};
}

void HttpListener::start() { asio::co_spawn(loop_, accept_all(), report); }

Endpoint HttpListener::endpoint() const {
  error_code error;
  const tcp::endpoint bound = acceptor_.local_endpoint(error);
  return {bound.address().to_string(), bound.port()};
}

asio::awaitable<void> HttpListener::accept_all() {
  asio::steady_timer pause(loop_);
  while (acceptor_.is_open()) {
    auto [error, socket] = co_await acceptor_.async_accept(use_result);
    if (error == asio::error::operation_aborted) co_return;
    if (error) {
      // Hardening P4: out of descriptors is no reason to spin.
      log::event(log::Level::warning, "admin", "accept_failed", {{"reason", error.message()}});
      pause.expires_after(accept_pause);
      co_await pause.async_wait(use_result);
      continue;
    }
    if (connections_ >= options_.connections_max) continue;  // Closes the socket.
    ++connections_;
    asio::co_spawn(loop_, serve(std::move(socket)), [this](std::exception_ptr failure) {
      --connections_;
      report(failure);
    });
  }
}

asio::awaitable<void> HttpListener::serve(tcp::socket socket) {
  const auto connection = std::make_shared<Connection>(std::move(socket));
  error_code error;
  const tcp::endpoint remote = connection->socket.remote_endpoint(error);
  if (error) co_return;
  connection->address = remote.address().to_string();
  bool goes_on = true;
  while (goes_on) goes_on = co_await serve_one(*connection);

  // A close with unread bytes would reset the connection, and could take the answer away.
  connection->socket.shutdown(tcp::socket::shutdown_send, error);
  connection->expire_after(linger_timeout);
  std::string rest(4096, '\0');
  for (std::size_t total = 0; total < linger_bytes_max && !connection->is_late;) {
    auto [read_error, size] =
        co_await connection->socket.async_read_some(asio::buffer(rest), use_result);
    if (read_error) break;
    total += size;
  }
}

/// One request and its answer. False when the connection is to be closed.
asio::awaitable<bool> HttpListener::serve_one(Connection& connection) {
  HttpReply reply;
  bool keep_alive = false;

  connection.expire_after(options_.header_timeout);
  auto [head_error, head_size] = co_await asio::async_read_until(
      connection.socket, asio::dynamic_buffer(connection.buffer, options_.header_bytes_max),
      "\r\n\r\n", use_result);
  if (head_error && connection.is_late && !connection.buffer.empty()) {
    reply = error_reply(408, "the header took too long");
  } else if (head_error == asio::error::not_found) {
    reply = error_reply(431, "the header is too large");
  } else if (head_error) {
    co_return false;
  } else {
    const HttpHeadLimits limits{options_.header_fields_max, options_.body_bytes_max};
    auto parsed = parse_head(std::string_view(connection.buffer).substr(0, head_size), limits);
    connection.buffer.erase(0, head_size);
    if (parsed.has_error()) {
      reply = parsed.error();
    } else if (checks_host_ && !is_known_host(parsed->host)) {
      // Hardening H3: a name that resolves to us in somebody's browser is not ours.
      reply = error_reply(421, "this host is not served here");
    } else if (!parsed->origin.empty() && parsed->origin != "http://" + parsed->host) {
      reply = error_reply(403, "requests from other origins are refused");
    } else {
      const std::size_t body_bytes = parsed->body_bytes;
      error_code body_error;
      if (connection.buffer.size() < body_bytes) {
        connection.expire_after(options_.body_timeout);
        const std::size_t missing = body_bytes - connection.buffer.size();
        auto [error, size] =
            co_await asio::async_read(connection.socket, asio::dynamic_buffer(connection.buffer),
                                      asio::transfer_exactly(missing), use_result);
        body_error = error;
      }
      if (body_error && connection.is_late) {
        reply = error_reply(408, "the body took too long");
      } else if (body_error) {
        co_return false;
      } else {
        HttpRequest request = std::move(parsed->request);
        request.body = connection.buffer.substr(0, body_bytes);
        request.address = connection.address;
        connection.buffer.erase(0, body_bytes);
        connection.expire_never();
        reply = co_await answer(std::move(request));
        keep_alive = parsed->keep_alive;
      }
    }
  }

  const std::string bytes = serialize(reply, keep_alive);
  connection.expire_after(options_.body_timeout);
  auto [write_error, written] =
      co_await asio::async_write(connection.socket, asio::buffer(bytes), use_result);
  co_return keep_alive && !write_error;
}

asio::awaitable<HttpReply> HttpListener::answer(HttpRequest request) {
  const auto answer = std::make_shared<Answer>();
  asio::steady_timer timer(loop_, answer_timeout);
  answer->waiting = &timer;
  dispatcher_.dispatch(std::move(request), TokenGate::Clock::now(),
                       [answer, answers = answers_](HttpReply reply) {
                         answers->post([answer, reply = std::move(reply)]() mutable {
                           answer->reply = std::move(reply);
                           if (answer->waiting) answer->waiting->cancel();
                         });
                       });
  co_await timer.async_wait(use_result);
  answer->waiting = nullptr;
  if (!answer->reply) co_return error_reply(504, "the node took too long to answer");
  co_return std::move(*answer->reply);
}

bool HttpListener::is_known_host(const std::string& host) const {
  return known_hosts_.contains(host);
}

}  // namespace server
