#include "server/node/counted_registry.h"

#include <utility>

#include "discovery/error.h"

namespace server {

CountedRegistry::CountedRegistry(std::unique_ptr<discovery::Backend> backend, Kind kind,
                                 Metrics& metrics)
    : backend_(std::move(backend)), kind_(kind), metrics_(metrics) {}

template <class Call>
auto CountedRegistry::timed(std::string_view statement, Call call) -> decltype(call()) {
  if (kind_ != Kind::mysql) return call();
  const auto begun = std::chrono::steady_clock::now();
  auto answer = call();
  metrics_.time(metric::mysql_query, {std::string(statement)},
                std::chrono::steady_clock::now() - begun);
  if (answer.has_error()) count_failure(answer.error());
  return answer;
}

void CountedRegistry::count_failure(boost::system::error_code error) {
  // The others are answers: that a name is taken, or no number is free.
  if (error == discovery::Errc::registry_unavailable) {
    metrics_.count(metric::mysql_errors, {"unavailable"});
  } else if (error == discovery::Errc::access_denied) {
    metrics_.count(metric::mysql_errors, {"access_denied"});
  } else if (error == discovery::Errc::registry_broken) {
    metrics_.count(metric::mysql_errors, {"broken"});
  }
}

discovery::Result<std::uint64_t> CountedRegistry::start_stamp(const std::string& name) {
  return timed("registry_stamp", [&] { return backend_->start_stamp(name); });
}

discovery::Result<discovery::Reading> CountedRegistry::renew(const discovery::NodeRow& self,
                                                             std::chrono::milliseconds lease) {
  auto reading = timed("registry_renew", [&] { return backend_->renew(self, lease); });
  if (reading.has_error()) metrics_.count(metric::lease_renewals, {"failed"});
  return reading;
}

discovery::Result<discovery::Reading> CountedRegistry::read() {
  return timed("registry_read", [&] { return backend_->read(); });
}

discovery::Result<void> CountedRegistry::leave(const discovery::NodeRow& self) {
  return timed("registry_leave", [&] { return backend_->leave(self); });
}

}  // namespace server
