#pragma once

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace server {

/// A request that has passed every check of form.
struct HttpRequest {
  std::string method;  ///< `GET`, `POST`, `PUT`, `DELETE`, `HEAD`, or one that no route has
  std::vector<std::string> segments;
  std::map<std::string, std::string> query;
  std::string authorization;  ///< As sent; empty if absent.
  std::string body;
  std::string address;  ///< The client's, without port.

  /// What the route's placeholders stand for, in their order; set by the dispatcher.
  std::vector<std::string> placeholders;
};

struct HttpReply {
  unsigned status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
};

/// Takes the answer, once, from any thread.
using Respond = std::function<void(HttpReply)>;

/// `{"error": "…"}`.
HttpReply error_reply(unsigned status, const std::string& text);

HttpReply text_reply(unsigned status, std::string text);

}  // namespace server
