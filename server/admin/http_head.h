#pragma once

#include <boost/system/result.hpp>
#include <cstddef>
#include <string>
#include <string_view>

#include "server/admin/http_types.h"

namespace server {

struct HttpHeadLimits {
  std::size_t fields_max = 64;
  std::size_t body_bytes_max = 64 * 1024;
};

/// What a request's head says, once it has passed every check.
struct HttpHead {
  HttpRequest request;  ///< Without body and address.
  std::string host;     ///< As sent, in small letters, with its port.
  std::string origin;   ///< Empty if absent.
  std::size_t body_bytes = 0;
  bool keep_alive = true;
};

/// Reads the bytes up to and including the empty line. Stricter than HTTP allows and than Beast is:
/// what two readers might take for two things is refused (hardening H1, H6): folded or bare line
/// ends, bytes above ASCII, any Transfer-Encoding, a second Host, Content-Length or Authorization.
/// The error is the answer to send before the connection is closed.
boost::system::result<HttpHead, HttpReply> parse_head(std::string_view bytes,
                                                      const HttpHeadLimits& limits);

}  // namespace server
