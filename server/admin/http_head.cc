#include "server/admin/http_head.h"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <charconv>
#include <optional>

#include "server/admin/target.h"

namespace server {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;

/// Whether a line is the field of that name, given in small letters with its colon.
bool is_field(std::string_view line, std::string_view name) {
  if (line.size() < name.size()) return false;
  for (std::size_t at = 0; at < name.size(); ++at) {
    const char c = line[at];
    if ((c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c) != name[at]) return false;
  }
  return true;
}

/// Nullopt if the lines are as they should be.
std::optional<HttpReply> wrong_lines(std::string_view bytes, std::size_t fields_max) {
  std::size_t lines = 0;
  for (std::size_t at = 0; at < bytes.size(); ++lines) {
    const std::size_t end = bytes.find("\r\n", at);
    if (end == bytes.npos) return error_reply(400, "a line without its end");
    const std::string_view line = bytes.substr(at, end - at);
    for (const char c : line) {
      if (c != '\t' && (c < 0x20 || c >= 0x7F)) {
        return error_reply(400, "a control character, or one that is not ASCII");
      }
    }
    // RFC 9112 §5.2: a folded line may be refused.
    if (line.starts_with(' ') || line.starts_with('\t')) {
      return error_reply(400, "a folded header line");
    }
    // Before Beast sees it: with a Content-Length beside it, that would give another error.
    if (is_field(line, "transfer-encoding:")) {
      return error_reply(501, "Transfer-Encoding is not known here");
    }
    at = end + 2;
  }
  if (lines > fields_max + 2) return error_reply(431, "too many header fields");
  return std::nullopt;
}

std::string lowered(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; });
  return lower;
}

/// Digits only: Beast also takes lists of equal numbers.
std::optional<std::size_t> length_of(std::string_view text) {
  std::size_t length = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), length);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return length;
}

std::optional<HttpReply> wrong_fields(const http::fields& fields) {
  if (fields.count(http::field::expect) > 0) return error_reply(417, "Expect is not known here");
  for (const http::field name : {http::field::host, http::field::content_length,
                                 http::field::authorization, http::field::origin}) {
    if (fields.count(name) > 1) {
      return error_reply(400, std::string(http::to_string(name)) + " is there twice");
    }
  }
  if (fields.count(http::field::host) == 0) return error_reply(400, "Host is missing");
  return std::nullopt;
}

}  // namespace

boost::system::result<HttpHead, HttpReply> parse_head(std::string_view bytes,
                                                      const HttpHeadLimits& limits) {
  if (auto wrong = wrong_lines(bytes, limits.fields_max)) return *wrong;
  http::request_parser<http::empty_body> parser;
  parser.header_limit(static_cast<std::uint32_t>(bytes.size() + 1));  // Checked by the reader.
  parser.body_limit(limits.body_bytes_max);
  boost::system::error_code error;
  parser.put(asio::buffer(bytes), error);
  if (error == http::error::body_limit) return error_reply(413, "the body is too large");
  if (error) return error_reply(400, "not HTTP/1.1: " + error.message());
  if (!parser.is_header_done()) return error_reply(400, "the header is not complete");
  const auto& message = parser.get();
  if (auto wrong = wrong_fields(message)) return *wrong;

  HttpHead head;
  if (message.count(http::field::content_length) > 0) {
    const auto length = length_of(message[http::field::content_length]);
    if (!length) return error_reply(400, "Content-Length is not a number");
    if (*length > limits.body_bytes_max) return error_reply(413, "the body is too large");
    head.body_bytes = *length;
  }
  const auto target = parse_target(std::string_view(message.target()));
  if (!target) return error_reply(400, "this target is not a plain path");
  head.request.method = std::string(message.method_string());
  const bool takes_body = head.request.method == "POST" || head.request.method == "PUT";
  if (head.body_bytes > 0 && !takes_body) return error_reply(400, "no body is expected");
  head.request.segments = target->segments;
  head.request.query = target->query;
  head.request.authorization = std::string(message[http::field::authorization]);
  head.host = lowered(std::string_view(message[http::field::host]));
  head.origin = lowered(std::string_view(message[http::field::origin]));
  head.keep_alive = message.keep_alive();
  return head;
}

}  // namespace server
