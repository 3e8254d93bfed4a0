#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <memory>
#include <set>
#include <string>

#include "server/admin/admin_server.h"
#include "server/admin/dispatcher.h"
#include "server/admin/http_head.h"

namespace server {

class AnswerPost;

/// One HTTP listener and its connections, on the loop that it is given.
class HttpListener {
 public:
  /// `options` and `dispatcher` outlive it.
  HttpListener(boost::asio::io_context& loop, const AdminServerOptions& options,
               Dispatcher& dispatcher, std::shared_ptr<AnswerPost> answers);

  /// Binds; the error is the system's. With `checks_host` a request's Host must be one of this
  /// listener's names.
  boost::system::error_code open(const Endpoint& endpoint, bool checks_host);

  /// Accepts from now on.
  void start();

  Endpoint endpoint() const;

 private:
  struct Connection;

  boost::asio::awaitable<void> accept_all();
  boost::asio::awaitable<void> serve(boost::asio::ip::tcp::socket socket);
  boost::asio::awaitable<bool> serve_one(Connection& connection);
  boost::asio::awaitable<HttpReply> answer(HttpRequest request);
  bool is_known_host(const std::string& host) const;

  boost::asio::io_context& loop_;
  const AdminServerOptions& options_;
  Dispatcher& dispatcher_;
  std::shared_ptr<AnswerPost> answers_;
  boost::asio::ip::tcp::acceptor acceptor_;
  std::set<std::string> known_hosts_;
  bool checks_host_ = false;
  std::size_t connections_ = 0;
};

}  // namespace server
