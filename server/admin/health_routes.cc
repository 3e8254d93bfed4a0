#include "server/admin/dispatcher.h"
#include "server/metrics/metrics.h"

namespace server {
namespace {

void livez(const Served& served, const HttpRequest&, Respond respond) {
  const bool is_live = served.control.is_live();
  respond(text_reply(is_live ? 200 : 503, is_live ? "live\n" : "a loop has stalled\n"));
}

std::string listed(const Readiness& readiness, ReadinessCheck::State state) {
  std::string names;
  for (const ReadinessCheck& check : readiness.checks) {
    if (check.state != state) continue;
    names += (names.empty() ? "" : ", ") + check.name;
    if (!check.detail.empty() && state == ReadinessCheck::State::failed) {
      names += " (" + check.detail + ")";
    }
  }
  return names;
}

std::string verbose(const Readiness& readiness) {
  std::string text;
  for (const ReadinessCheck& check : readiness.checks) {
    const char* mark = check.state == ReadinessCheck::State::ok         ? "ok"
                       : check.state == ReadinessCheck::State::degraded ? "degraded"
                                                                        : "failed";
    text += std::string(mark) + " " + check.name;
    text += (check.detail.empty() ? "" : ": " + check.detail) + "\n";
  }
  return text;
}

/// `ready`, `ready, degraded mysql` or `not ready: joined (1 of 2 peers caught up)`.
void readyz(const Served& served, const HttpRequest& request, Respond respond) {
  for (const auto& [key, value] : request.query) {
    if (key != "verbose") return respond(error_reply(400, "unknown parameter `" + key + "`"));
  }
  const Readiness readiness = served.control.readiness();
  std::string text;
  if (readiness.is_ready()) {
    const std::string degraded = listed(readiness, ReadinessCheck::State::degraded);
    text = degraded.empty() ? "ready\n" : "ready, degraded " + degraded + "\n";
  } else {
    text = "not ready: " + listed(readiness, ReadinessCheck::State::failed) + "\n";
  }
  if (request.query.contains("verbose")) text += verbose(readiness);
  respond(text_reply(readiness.is_ready() ? 200 : 503, text));
}

void metrics(const Served& served, const HttpRequest&, Respond respond) {
  respond({200, std::string(Metrics::content_type), served.metrics.text(), {}});
}

}  // namespace

bool Readiness::is_ready() const {
  for (const ReadinessCheck& check : checks) {
    if (check.state == ReadinessCheck::State::failed) return false;
  }
  return true;
}

std::vector<Route> health_routes() {
  return {{"GET", "/livez", livez}, {"GET", "/readyz", readyz}, {"GET", "/metrics", metrics}};
}

}  // namespace server
