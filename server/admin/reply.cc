#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "server/admin/http_types.h"

namespace server {

HttpReply error_reply(unsigned status, const std::string& text) {
  const boost::json::object body = {{"error", text}};
  return {status, "application/json", boost::json::serialize(body), {}};
}

HttpReply text_reply(unsigned status, std::string text) {
  return {status, "text/plain; charset=utf-8", std::move(text), {}};
}

}  // namespace server
