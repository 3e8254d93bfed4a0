#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "server/admin/control.h"
#include "server/admin/http_types.h"
#include "server/admin/token_gate.h"

namespace server {

class Metrics;

/// What handlers work on.
struct Served {
  NodeControl& control;
  const Metrics& metrics;
};

/// The privilege of a route is the type of its handler: there is no way to leave it out, and a
/// handler that asks for an Operator is only reached with the token.
using OpenHandler = void (*)(const Served&, const HttpRequest&, Respond);
using OperatorHandler = void (*)(const Served&, const Operator&, const HttpRequest&, Respond);

struct Route {
  std::string_view method;
  std::string_view path;  ///< `/api/v1/nodes/{name}/drain`; a placeholder is one whole segment
  std::variant<OpenHandler, OperatorHandler> handler;
};

/// Finds the handler of a request. Routes are exact. Where any route needs the token, an unknown
/// path does too, so that nobody without it learns which exist.
class Dispatcher {
 public:
  Dispatcher(std::vector<Route> routes, Served served, TokenGate::Options gate);

  void dispatch(HttpRequest request, TokenGate::Clock::time_point now, Respond respond);

 private:
  bool needs_token_ = false;
  std::vector<Route> routes_;
  Served served_;
  TokenGate gate_;
};

std::vector<Route> health_routes();
std::vector<Route> admin_routes();

}  // namespace server
