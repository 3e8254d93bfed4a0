#pragma once

#include <boost/json/value.hpp>
#include <boost/system/result.hpp>
#include <chrono>
#include <string>

#include "server/config/endpoint.h"
#include "server/config/secret.h"

namespace server::ctl {

/// What a node answered; any status.
struct Answer {
  unsigned status = 0;
  boost::json::value body;  ///< Null if there was none.

  bool is_success() const { return status >= 200 && status < 300; }

  /// The node's own words for a refusal.
  std::string error() const;
};

/// Why there is no answer: `connection refused`.
struct NoAnswer {
  std::string reason;
};

/// Speaks to the admin API of one node, one request at a time. Blocks.
class Client {
 public:
  Client(Endpoint admin, Secret token) : admin_(std::move(admin)), token_(std::move(token)) {}

  /// A null body sends none. Times out after 5 s without a connection and 40 s without an answer,
  /// which is longer than the node itself waits.
  boost::system::result<Answer, NoAnswer> request(const std::string& method,
                                                  const std::string& target,
                                                  const boost::json::value& body = nullptr) const;

  const Endpoint& admin() const { return admin_; }

 private:
  Endpoint admin_;
  Secret token_;
};

/// A value as one segment of a path (RFC 3986 §2.1).
std::string encode_segment(std::string_view text);

}  // namespace server::ctl
