#include "loadgen/snapshot.h"

#include <algorithm>
#include <array>
#include <utility>

namespace loadgen {
namespace {

using Member = std::pair<std::string_view, Histogram Latencies::*>;

constexpr std::array<Member, 8> members = {{{"delivery", &Latencies::delivery},
                                            {"within", &Latencies::within},
                                            {"across", &Latencies::across},
                                            {"login", &Latencies::login},
                                            {"resume", &Latencies::resume},
                                            {"offline", &Latencies::offline},
                                            {"lag", &Latencies::lag},
                                            {"ack", &Latencies::ack}}};

}  // namespace

void Latencies::add(const Latencies& other) {
  for (const auto& [name, member] : members) (this->*member).add(other.*member);
}

void Latencies::clear() {
  for (const auto& [name, member] : members) (this->*member).clear();
}

const Histogram* Latencies::find(std::string_view name) const {
  for (const auto& [known, member] : members) {
    if (known == name) return &(this->*member);
  }
  return nullptr;
}

void Snapshot::add(const Snapshot& other) {
  offered += other.offered;
  received += other.received;
  overflowed += other.overflowed;
  held += other.held;
  waiting += other.waiting;
  online += other.online;
  wanted += other.wanted;
  logins += other.logins;
  resumed += other.resumed;
  failed_logins += other.failed_logins;
  forced += other.forced;
  churned += other.churned;
  unacked += other.unacked;
  archives_left += other.archives_left;
  archives_read += other.archives_read;
  archives_given_up += other.archives_given_up;
  archived += other.archived;
  audit.add(other.audit);
  add_histograms(other);
  for (std::size_t i = 0; i < other.targets.size(); ++i) {
    targets[i].online += other.targets[i].online;
    targets[i].logins += other.targets[i].logins;
  }
  for (const auto& [reason, count] : other.reasons) reasons[reason] += count;
}

void Snapshot::add_histograms(const Snapshot& other) {
  Latencies::add(other);
  targets.resize(std::max(targets.size(), other.targets.size()));
  for (std::size_t i = 0; i < other.targets.size(); ++i) {
    targets[i].delivery.add(other.targets[i].delivery);
  }
}

void Snapshot::clear_histograms() {
  Latencies::clear();
  for (TargetCounts& target : targets) target.delivery.clear();
}

}  // namespace loadgen
