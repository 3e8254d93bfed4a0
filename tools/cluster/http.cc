#include "tools/cluster/http.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/address_v4.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <charconv>
#include <cmath>
#include <utility>

namespace cluster {

namespace beast = boost::beast;
namespace http = beast::http;

namespace {

constexpr auto use_result = asio::as_tuple(asio::use_awaitable);
constexpr std::uint64_t answer_bytes_max = 4U << 20U;

Fault no_answer(const HttpRequest& request, const boost::system::error_code& error) {
  return {"no answer from 127.0.0.1:" + std::to_string(request.port) + request.target + ": " +
              error.message(),
          ""};
}

/// The value behind `label="` in a metric line; label values of ours hold no escaped quotes.
std::string label_of(std::string_view line, std::string_view label) {
  const std::string opening = std::string(label) + "=\"";
  const auto begin = line.find(opening);
  if (begin == std::string_view::npos) return "";
  const auto rest = line.substr(begin + opening.size());
  return std::string(rest.substr(0, rest.find('"')));
}

}  // namespace

asio::awaitable<Result<HttpAnswer>> ask(HttpRequest request, std::chrono::milliseconds limit) {
  beast::tcp_stream stream(co_await asio::this_coro::executor);
  stream.expires_after(limit);
  const asio::ip::tcp::endpoint server(asio::ip::address_v4::loopback(), request.port);
  const auto [unreachable] = co_await stream.async_connect(server, use_result);
  if (unreachable) co_return no_answer(request, unreachable);

  http::request<http::string_body> message(request.post ? http::verb::post : http::verb::get,
                                           request.target, 11);
  message.set(http::field::host, "127.0.0.1:" + std::to_string(request.port));
  message.set(http::field::connection, "close");
  if (!request.token.empty()) {
    message.set(http::field::authorization, "Bearer " + request.token);
  }
  if (request.post) {
    message.set(http::field::content_type, "application/json");
    message.body() = std::move(request.body);
  }
  message.prepare_payload();
  const auto [unsent, sent] = co_await http::async_write(stream, message, use_result);
  if (unsent) co_return no_answer(request, unsent);

  beast::flat_buffer buffer;
  http::response_parser<http::string_body> parser;
  parser.body_limit(answer_bytes_max);
  const auto [unread, received] = co_await http::async_read(stream, buffer, parser, use_result);
  if (unread) co_return no_answer(request, unread);
  co_return HttpAnswer{parser.get().result_int(), std::move(parser.get().body())};
}

NodeSample parse_metrics(std::string_view text) {
  NodeSample sample;
  while (!text.empty()) {
    const auto end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    const std::string_view name = line.substr(0, line.find_first_of("{ "));
    if (name == "meerkat_build_info") sample.version = label_of(line, "version");
    if (name != "meerkat_sessions") continue;
    const std::string_view figure = line.substr(line.rfind(' ') + 1);
    double value = 0;
    std::from_chars(figure.data(), figure.data() + figure.size(), value);
    if (value > 0) sample.sessions += static_cast<std::uint64_t>(std::llround(value));
  }
  return sample;
}

}  // namespace cluster
