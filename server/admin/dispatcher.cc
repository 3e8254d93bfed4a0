#include "server/admin/dispatcher.h"

#include <optional>

namespace server {
namespace {

std::vector<std::string_view> split_path(std::string_view path) {
  std::vector<std::string_view> segments;
  path.remove_prefix(1);
  while (true) {
    const std::size_t slash = path.find('/');
    segments.push_back(path.substr(0, slash));
    if (slash == path.npos) return segments;
    path.remove_prefix(slash + 1);
  }
}

/// What the placeholders stand for, if `segments` are the route's.
std::optional<std::vector<std::string>> match(const Route& route,
                                              const std::vector<std::string>& segments) {
  const std::vector<std::string_view> expected = split_path(route.path);
  if (expected.size() != segments.size()) return std::nullopt;
  std::vector<std::string> placeholders;
  for (std::size_t at = 0; at < expected.size(); ++at) {
    if (expected[at].starts_with('{') && !segments[at].empty()) {
      placeholders.push_back(segments[at]);
    } else if (expected[at] != segments[at]) {
      return std::nullopt;
    }
  }
  return placeholders;
}

}  // namespace

Dispatcher::Dispatcher(std::vector<Route> routes, Served served, TokenGate::Options gate)
    : routes_(std::move(routes)), served_(served), gate_(std::move(gate)) {
  for (const Route& route : routes_) {
    needs_token_ = needs_token_ || std::holds_alternative<OperatorHandler>(route.handler);
  }
}

void Dispatcher::dispatch(HttpRequest request, TokenGate::Clock::time_point now, Respond respond) {
  const Route* found = nullptr;
  std::string allowed;  // The methods of this path.
  for (const Route& route : routes_) {
    auto placeholders = match(route, request.segments);
    if (!placeholders) continue;
    allowed += (allowed.empty() ? "" : ", ") + std::string(route.method);
    if (route.method != request.method) continue;
    found = &route;
    request.placeholders = std::move(*placeholders);
  }
  if (found && std::holds_alternative<OpenHandler>(found->handler)) {
    std::get<OpenHandler>(found->handler)(served_, request, std::move(respond));
    return;
  }
  std::optional<Operator> admitted;
  if (needs_token_) {
    auto verdict = gate_.admit(request, now);
    if (auto* refusal = std::get_if<HttpReply>(&verdict)) return respond(std::move(*refusal));
    admitted = std::get<Operator>(std::move(verdict));
  }
  if (found) {
    std::get<OperatorHandler>(found->handler)(served_, *admitted, request, std::move(respond));
  } else if (allowed.empty()) {
    respond(error_reply(404, "no such path"));
  } else {
    HttpReply refusal = error_reply(405, "this path knows " + allowed);
    refusal.headers.emplace_back("Allow", allowed);
    respond(std::move(refusal));
  }
}

}  // namespace server
