#pragma once

#include <boost/system/result.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "server/admin/control.h"
#include "server/config/endpoint.h"
#include "server/config/secret.h"

namespace server {

class Metrics;

struct AdminServerOptions {
  std::optional<Endpoint> health{};  ///< /livez, /readyz, /metrics: no secrets, no login
  std::optional<Endpoint> admin{};   ///< /api/v1/…, with the token; opened only if there is one
  Secret token{};

  /// Names besides the listener's own addresses and `localhost` that a request's Host may hold.
  std::vector<std::string> hosts{};

  // Hardening, Limits: HTTP.
  std::size_t header_bytes_max = 8 * 1024;
  std::size_t header_fields_max = 64;
  std::size_t body_bytes_max = 64 * 1024;
  std::chrono::milliseconds header_timeout{5'000};
  std::chrono::milliseconds body_timeout{10'000};
  std::size_t connections_max = 64;  ///< A listener; further ones are closed at once.

  // Hardening H11. The clock is an option so that tests need not wait.
  std::size_t token_failures_max = 40;  ///< An address.
  std::chrono::milliseconds token_failure_window = std::chrono::minutes(15);
};

/// A listener that could not be opened, as its user reads it.
struct ListenFault {
  Endpoint endpoint;
  std::string reason;  ///< `address in use`
};

/// The node's HTTP listeners, both on one thread of their own, so that a busy loop does not make
/// the node look dead and a scrape never delays a stanza.
///
/// `control` and `metrics` are used on that thread until stop() returns.
class AdminServer {
 public:
  AdminServer(AdminServerOptions options, NodeControl& control, const Metrics& metrics);
  ~AdminServer();  // After stop().

  /// Opens the listeners and starts serving; on a fault nothing is left open. Once.
  boost::system::result<void, ListenFault> start();

  /// Closes everything and joins the thread; answers still awaited from `control` are dropped.
  void stop();

  /// What the kernel gave, for port 0.
  std::optional<Endpoint> health_endpoint() const;
  std::optional<Endpoint> admin_endpoint() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace server
