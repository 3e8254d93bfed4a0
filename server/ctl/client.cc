#include "server/ctl/client.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <exception>
#include <optional>

namespace server::ctl {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
namespace json = boost::json;
using boost::system::error_code;

constexpr auto use_result = asio::as_tuple(asio::use_awaitable);
constexpr auto connect_timeout = std::chrono::seconds(5);
constexpr auto answer_timeout = std::chrono::seconds(40);
constexpr std::size_t body_bytes_max = 16 * 1024 * 1024;

using Request = http::request<http::string_body>;
using Response = http::response<http::string_body>;

asio::awaitable<error_code> exchange(asio::ip::tcp::endpoint node, Request request,
                                     Response* response) {
  beast::tcp_stream stream(co_await asio::this_coro::executor);
  stream.expires_after(connect_timeout);
  auto [connect_error] = co_await stream.async_connect(node, use_result);
  if (connect_error) co_return connect_error;
  stream.expires_after(answer_timeout);
  auto [write_error, written] = co_await http::async_write(stream, request, use_result);
  if (write_error) co_return write_error;
  beast::flat_buffer buffer;
  http::response_parser<http::string_body> parser;
  parser.body_limit(body_bytes_max);
  auto [read_error, read] = co_await http::async_read(stream, buffer, parser, use_result);
  if (!read_error) *response = parser.release();
  co_return read_error;
}

}  // namespace

std::string Answer::error() const {
  if (const auto* object = body.if_object()) {
    if (const auto* text = object->if_contains("error"); text && text->is_string()) {
      return std::string(text->as_string());
    }
  }
  return "status " + std::to_string(status);
}

boost::system::result<Answer, NoAnswer> Client::request(const std::string& method,
                                                        const std::string& target,
                                                        const json::value& body) const {
  error_code error;
  const auto address = asio::ip::make_address(admin_.host, error);
  if (error) return NoAnswer{"not an address"};
  Request request;
  request.version(11);
  request.method_string(method);
  request.target(target);
  request.set(http::field::host, to_string(admin_));
  request.set(http::field::authorization, "Bearer " + token_.reveal());
  request.set(http::field::connection, "close");
  if (!body.is_null()) {
    request.set(http::field::content_type, "application/json");
    request.body() = json::serialize(body);
  }
  request.prepare_payload();

  Response response;
  error_code outcome;
  asio::io_context loop(1);
  asio::co_spawn(
      loop, exchange(asio::ip::tcp::endpoint(address, admin_.port), std::move(request), &response),
      [&](std::exception_ptr failure, error_code result) {
        outcome = failure ? error_code(asio::error::fault) : result;
      });
  loop.run();
  if (outcome) return NoAnswer{outcome.message()};
  Answer answer;
  answer.status = response.result_int();
  if (!response.body().empty()) {
    answer.body = json::parse(response.body(), error);
    if (error) return NoAnswer{"what answered is no Meerkat node"};
  }
  return answer;
}

std::string encode_segment(std::string_view text) {
  constexpr std::string_view plain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~@";
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string encoded;
  for (const char c : text) {
    if (plain.find(c) != plain.npos) {
      encoded += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      encoded += '%';
      encoded += digits[byte >> 4];
      encoded += digits[byte & 15];
    }
  }
  return encoded;
}

}  // namespace server::ctl
