#include "loadgen/shard_group.h"

#include <algorithm>
#include <utility>

namespace loadgen {

Result<void> ShardGroup::start(const ShardOptions& options, std::size_t threads,
                               TargetList& targets, std::chrono::steady_clock::time_point zero) {
  for (std::size_t i = 0; i < threads; ++i) {
    ShardOptions own = options;
    own.shard = i;
    own.shards = threads;
    shards_.push_back(std::make_unique<Shard>(std::move(own), targets));
    if (auto started = shards_.back()->start(zero); started.has_error()) return started.error();
  }
  return {};
}

void ShardGroup::stop() {
  for (auto& shard : shards_) shard->stop();
}

void ShardGroup::set_rate(double messages_per_second) {
  const double share = messages_per_second / static_cast<double>(shards_.size());
  for (auto& shard : shards_) shard->set_rate(share);
}

void ShardGroup::set_sessions(std::size_t sessions, double logins_per_second) {
  const auto pairs = sessions / 2;
  const auto count = shards_.size();
  for (std::size_t i = 0; i < count; ++i) {
    const auto own = pairs / count + (i < pairs % count ? 1 : 0);
    shards_[i]->set_sessions(2 * own, logins_per_second / static_cast<double>(count));
  }
}

void ShardGroup::set_churn(double sessions_per_second) {
  const double pairs = sessions_per_second / 2 / static_cast<double>(shards_.size());
  for (auto& shard : shards_) shard->set_churn(pairs);
}

void ShardGroup::finish_sending() {
  for (auto& shard : shards_) shard->finish_sending();
}

void ShardGroup::read_archives() {
  for (auto& shard : shards_) shard->read_archives();
}

void ShardGroup::conclude() {
  for (auto& shard : shards_) shard->conclude();
}

Snapshot ShardGroup::take() {
  Snapshot total;
  for (auto& shard : shards_) total.add(shard->take());
  return total;
}

std::vector<Offender> ShardGroup::offenders() {
  std::vector<Offender> all;
  for (auto& shard : shards_) {
    const auto own = shard->offenders();
    all.insert(all.end(), own.begin(), own.end());
  }
  std::stable_sort(all.begin(), all.end(), [](const Offender& a, const Offender& b) {
    return std::pair(!is_wrong(a.fate), a.at) < std::pair(!is_wrong(b.fate), b.at);
  });
  return all;
}

}  // namespace loadgen
