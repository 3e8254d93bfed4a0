#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "tools/cluster/fault.h"

namespace cluster {

namespace asio = boost::asio;

struct HttpRequest {
  bool post = false;  // Otherwise GET.
  std::uint16_t port = 0;
  std::string target;
  std::string token;  // Bearer token; empty: none is sent.
  std::string body;   // JSON; with `post` only.
};

struct HttpAnswer {
  unsigned status = 0;
  std::string body;  // At most 4 MiB.
};

/// Asks a server on 127.0.0.1, on a connection of its own. Runs on the caller's loop.
/// Errors: nobody listens, no whole answer within `limit`, not HTTP.
asio::awaitable<Result<HttpAnswer>> ask(HttpRequest request, std::chrono::milliseconds limit);

/// The figures of a node that the supervisor looks at, read from Prometheus text.
struct NodeSample {
  std::uint64_t sessions = 0;  // meerkat_sessions, summed over its labels.
  std::string version;         // meerkat_build_info's label; empty if absent.
};

NodeSample parse_metrics(std::string_view text);

}  // namespace cluster
