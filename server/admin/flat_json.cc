#include "server/admin/flat_json.h"

#include <boost/json/basic_parser_impl.hpp>

namespace server {
namespace {

namespace json = boost::json;

/// Receives the parser's events; a false answer with `error` set ends the parse.
struct Handler {
  static constexpr std::size_t max_object_size = 64;
  static constexpr std::size_t max_array_size = 0;
  static constexpr std::size_t max_key_size = 64;
  static constexpr std::size_t max_string_size = 16 * 1024;

  FlatObject object;
  std::string key;
  std::string part;  // Of a key or string that comes in pieces.
  std::string why;

  bool refuse(std::string reason, json::error_code& error) {
    why = std::move(reason);
    error = json::error::exception;
    return false;
  }
  bool store(FlatValue value) {
    object.insert_or_assign(key, std::move(value));
    return true;
  }

  bool on_document_begin(json::error_code&) { return true; }
  bool on_document_end(json::error_code&) { return true; }
  bool on_object_begin(json::error_code&) { return true; }  // Deeper ones exceed max_depth.
  bool on_object_end(std::size_t, json::error_code&) { return true; }
  bool on_array_begin(json::error_code& error) { return refuse("arrays are not known", error); }
  bool on_array_end(std::size_t, json::error_code&) { return true; }
  bool on_key_part(json::string_view text, std::size_t, json::error_code&) {
    part.append(text.data(), text.size());
    return true;
  }
  bool on_key(json::string_view text, std::size_t, json::error_code& error) {
    part.append(text.data(), text.size());
    key = std::move(part);
    part.clear();
    if (object.contains(key)) return refuse("`" + key + "` is there twice", error);
    return true;
  }
  bool on_string_part(json::string_view text, std::size_t, json::error_code&) {
    part.append(text.data(), text.size());
    return true;
  }
  bool on_string(json::string_view text, std::size_t, json::error_code& error) {
    if (key.empty()) return refuse("not an object", error);
    part.append(text.data(), text.size());
    store(std::move(part));
    part.clear();
    return true;
  }
  bool on_number_part(json::string_view, json::error_code&) { return true; }
  bool on_int64(std::int64_t value, json::string_view, json::error_code& error) {
    return on_double(static_cast<double>(value), {}, error);
  }
  bool on_uint64(std::uint64_t value, json::string_view, json::error_code& error) {
    return on_double(static_cast<double>(value), {}, error);
  }
  bool on_double(double value, json::string_view, json::error_code& error) {
    return key.empty() ? refuse("not an object", error) : store(value);
  }
  bool on_bool(bool value, json::error_code& error) {
    return key.empty() ? refuse("not an object", error) : store(value);
  }
  bool on_null(json::error_code& error) { return refuse("null is not known", error); }
  bool on_comment_part(json::string_view, json::error_code&) { return true; }
  bool on_comment(json::string_view, json::error_code&) { return true; }
};

}  // namespace

boost::system::result<FlatObject, std::string> parse_flat_json(std::string_view text) {
  json::parse_options options;
  options.max_depth = 1;
  json::basic_parser<Handler> parser(options);
  json::error_code error;
  const std::size_t used = parser.write_some(false, text.data(), text.size(), error);
  if (error) {
    const std::string& why = parser.handler().why;
    return {boost::system::in_place_error, why.empty() ? "not JSON: " + error.message() : why};
  }
  if (used != text.size()) return {boost::system::in_place_error, "something follows the object"};
  return {boost::system::in_place_value, std::move(parser.handler().object)};
}

}  // namespace server
