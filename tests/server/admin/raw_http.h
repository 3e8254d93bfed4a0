#pragma once

#include <string>

#include "server/config/endpoint.h"

namespace server {

/// A plain socket: what an HTTP library would never send can be sent with it.
class RawHttp {
 public:
  explicit RawHttp(const Endpoint& endpoint);
  RawHttp(const RawHttp&) = delete;
  RawHttp& operator=(const RawHttp&) = delete;
  ~RawHttp();

  void send(const std::string& bytes) const;

  /// Everything until the server closes, or 10 s have passed.
  std::string read_all() const;

  /// One answer with a Content-Length; keeps what follows.
  std::string read_answer();

 private:
  int socket_;
  std::string buffer_;
};

/// Sends `bytes` on a new connection; the answer's status, or 0 if there is none.
int status_for(const Endpoint& endpoint, const std::string& bytes);

}  // namespace server
