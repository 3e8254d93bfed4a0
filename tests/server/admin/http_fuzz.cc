// Whatever passes as a request's head means one thing only (hardening H1, H2, H6): Beast reads the
// same method and length, no path holds what a path may not, and a body that passes is the object
// that Boost.JSON reads.

#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/json/parse.hpp>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "server/admin/flat_json.h"
#include "server/admin/http_head.h"

namespace server {
namespace {

void require(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "%s\n", what);
  std::abort();
}

void check_head(std::string_view bytes) {
  const auto head = parse_head(bytes, {});
  if (head.has_error()) {
    require(head.error().status >= 400, "a refusal has an error's status");
    return;
  }
  require(bytes.ends_with("\r\n\r\n") || bytes.find("\r\n\r\n") != bytes.npos, "a head has an end");
  require(head->body_bytes <= HttpHeadLimits().body_bytes_max, "the body has a limit");
  require(!head->request.segments.empty(), "a path has a segment");
  for (std::size_t at = 0; at < head->request.segments.size(); ++at) {
    const std::string& segment = head->request.segments[at];
    require(segment != "." && segment != "..", "no segment climbs");
    require(segment.find_first_of(std::string_view("/\\\0", 3)) == segment.npos, "none is a path");
    require(!segment.empty() || at + 1 == head->request.segments.size(), "only the last is empty");
  }
  boost::beast::http::request_parser<boost::beast::http::empty_body> parser;
  boost::system::error_code error;
  parser.put(boost::asio::buffer(bytes), error);
  require(!error && parser.is_header_done(), "Beast reads it too");
  require(parser.get().method_string() == head->request.method, "with the same method");
  require(parser.content_length().value_or(0) == head->body_bytes, "with the same length");
  require(!parser.chunked(), "and no chunks");
}

void check_json(std::string_view bytes) {
  const auto object = parse_flat_json(bytes);
  if (object.has_error()) return;
  boost::system::error_code error;
  const boost::json::value value = boost::json::parse(bytes, error);
  require(!error && value.is_object(), "a flat object is an object");
  require(value.as_object().size() == object->size(), "with as many keys");
  for (const auto& [key, flat] : *object) {
    const boost::json::value& other = value.as_object().at(key);
    const auto* text = std::get_if<std::string>(&flat);
    require(!text || (other.is_string() && *text == std::string_view(other.as_string())),
            "and the same strings");
  }
}

}  // namespace
}  // namespace server

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  server::check_head(bytes);
  server::check_json(bytes);
  return 0;
}
