#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <variant>

#include "server/admin/http_types.h"
#include "server/config/secret.h"

namespace server {

/// Proof that a request came with the token. Only TokenGate makes one, so a handler that takes it
/// cannot be reached without (hardening H1, H2).
class Operator {
 public:
  /// For the audit: `admin@127.0.0.1`.
  const std::string& name() const { return name_; }

 private:
  friend class TokenGate;
  explicit Operator(std::string name) : name_(std::move(name)) {}
  std::string name_;
};

/// Compares tokens and counts failures by address (hardening H11). One thread.
class TokenGate {
 public:
  using Clock = std::chrono::steady_clock;

  struct Options {
    Secret token;
    std::size_t failures_max = 40;
    std::chrono::milliseconds window = std::chrono::minutes(15);
  };

  explicit TokenGate(Options options) : options_(std::move(options)) {}

  /// An Operator, or the refusal: 401, or 429 once an address has failed too often, even with the
  /// right token then: otherwise guessing would only be slower to notice.
  std::variant<Operator, HttpReply> admit(const HttpRequest& request, Clock::time_point now);

 private:
  struct Failures {
    std::size_t count = 0;
    Clock::time_point since;
  };

  static constexpr std::size_t addresses_max = 1024;

  Failures& failures_of(const std::string& address, Clock::time_point now);

  Options options_;
  std::map<std::string, Failures> failures_;
};

}  // namespace server
