#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "discovery/backend.h"
#include "server/metrics/metrics.h"

namespace server {

/// A registry whose failed renewals are counted and, when it is in MySQL, whose calls are timed and
/// whose failures count among the database's.
///
/// Threads: as every Backend.
class CountedRegistry final : public discovery::Backend {
 public:
  enum class Kind { mysql, other };

  CountedRegistry(std::unique_ptr<discovery::Backend> backend, Kind kind, Metrics& metrics);

  discovery::Result<std::uint64_t> start_stamp(const std::string& name) override;
  discovery::Result<discovery::Reading> renew(const discovery::NodeRow& self,
                                              std::chrono::milliseconds lease) override;
  discovery::Result<discovery::Reading> read() override;
  discovery::Result<void> leave(const discovery::NodeRow& self) override;
  [[nodiscard]] std::string last_failure() const override { return backend_->last_failure(); }

 private:
  template <class Call>
  auto timed(std::string_view statement, Call call) -> decltype(call());
  void count_failure(boost::system::error_code error);

  const std::unique_ptr<discovery::Backend> backend_;
  const Kind kind_;
  Metrics& metrics_;
};

}  // namespace server
