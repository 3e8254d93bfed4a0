#include "server/admin/token_gate.h"

#include <algorithm>

#include "server/log/log.h"

namespace server {
namespace {

/// RFC 6750 §2.1; the scheme's name has no case (RFC 9110 §11.1).
std::string_view bearer_token(std::string_view authorization) {
  constexpr std::string_view scheme = "bearer ";
  if (authorization.size() <= scheme.size()) return {};
  for (std::size_t at = 0; at < scheme.size(); ++at) {
    if ((authorization[at] | 0x20) != scheme[at]) return {};
  }
  return authorization.substr(scheme.size());
}

}  // namespace

TokenGate::Failures& TokenGate::failures_of(const std::string& address, Clock::time_point now) {
  const auto is_over = [&](const Failures& failures) {
    return now - failures.since >= options_.window;
  };
  auto at = failures_.find(address);
  if (at != failures_.end() && is_over(at->second)) at->second = {0, now};
  if (at != failures_.end()) return at->second;
  if (failures_.size() >= addresses_max) {
    std::erase_if(failures_, [&](const auto& entry) { return is_over(entry.second); });
  }
  if (failures_.size() >= addresses_max) {
    const auto oldest = std::min_element(
        failures_.begin(), failures_.end(),
        [](const auto& a, const auto& b) { return a.second.since < b.second.since; });
    failures_.erase(oldest);
  }
  return failures_.emplace(address, Failures{0, now}).first->second;
}

std::variant<Operator, HttpReply> TokenGate::admit(const HttpRequest& request,
                                                   Clock::time_point now) {
  const auto known = failures_.find(request.address);
  if (known != failures_.end() &&
      failures_of(request.address, now).count >= options_.failures_max) {
    HttpReply refusal = error_reply(429, "too many wrong tokens from this address");
    const auto left = known->second.since + options_.window - now;
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(left).count();
    refusal.headers.emplace_back("Retry-After", std::to_string(seconds));
    return refusal;
  }
  const std::string_view token = bearer_token(request.authorization);
  if (!options_.token.is_empty() && options_.token.same_as(token)) {
    return Operator("admin@" + request.address);
  }
  if (!token.empty()) {
    Failures& failures = failures_of(request.address, now);
    ++failures.count;
    log::event(log::Level::warning, "admin", "token_refused",
               {{"address", request.address}, {"failures", failures.count}});
  }
  HttpReply refusal = error_reply(401, token.empty() ? "a token is needed" : "wrong token");
  refusal.headers.emplace_back("WWW-Authenticate", "Bearer");
  return refusal;
}

}  // namespace server
