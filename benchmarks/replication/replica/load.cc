#include "benchmarks/replication/replica/load.h"

#include <sys/prctl.h>

#include <algorithm>

#include "benchmarks/replication/replica/usage.h"

namespace benchmarks {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

// Only a call this long is worth a system call to ask whether it was ours.
constexpr auto noticed = 100us;

// The shortest pause between two bursts of a paced thread.
constexpr auto pause_min = 100us;

// Says when the next call of a steady rate is due, and waits for it.
class Pace {
 public:
  explicit Pace(double rate) : rate_(rate) {
    ::prctl(PR_SET_TIMERSLACK, 1);  // Else each pause is 50 us longer.
  }

  void wait() {
    ++calls_;
    if (rate_ == 0) return;
    auto due = begun_ + std::chrono::nanoseconds(
                            static_cast<std::int64_t>(static_cast<double>(calls_) * 1e9 / rate_));
    auto now = Clock::now();
    if (due > now) std::this_thread::sleep_for(std::max<Clock::duration>(due - now, pause_min));
  }

 private:
  const double rate_;
  const Clock::time_point begun_ = Clock::now();
  std::uint64_t calls_ = 0;
};

}  // namespace

Control::Control() {
  for (std::uint64_t number = 0; number < 1000; ++number) {
    map_.emplace(session_key(number).first, number);
  }
}

void Control::look(std::uint64_t number) {
  const std::string key = session_key(number % 1000).first;
  std::lock_guard lock(mutex_);
  for (int at = 0; at < 8; ++at) ++map_[key];
}

void Stalls::add(std::chrono::nanoseconds took, std::uint64_t preemptions_before) {
  all.add(took);
  if (took >= noticed && preemptions() != preemptions_before) return;
  longest_undisturbed_us =
      std::max(longest_undisturbed_us, static_cast<double>(took.count()) / 1000);
}

Writer::Writer(Sessions& sessions, KeyRange keys, double rate, std::size_t encoded_bytes)
    : sessions_(sessions), keys_(keys), rate_(rate), encoded_bytes_(encoded_bytes) {
  thread_ = std::thread([this] { run(); });
}

Writer::~Writer() {
  if (thread_.joinable()) stop();
}

Writer::Result Writer::stop() {
  stopping_ = true;
  thread_.join();
  return result_;
}

void Writer::run() {
  Pace pace(rate_);
  const auto begun = Clock::now();
  auto window_begun = begun;
  std::uint64_t window_writes = 0;
  result_.lowest_rate = -1;
  while (!stopping_) {
    const std::uint64_t number = keys_.first + result_.writes % keys_.count;
    const SessionKey key = session_key(number);
    const Session record = session_record(number, result_.writes, encoded_bytes_);
    const std::uint64_t preempted = preemptions();
    const auto before = Clock::now();
    (void)sessions_.put(key, record);  // Within all bounds.
    const auto after = Clock::now();
    result_.stalls.add(after - before, preempted);
    const auto control_begun = Clock::now();
    control_.look(result_.writes);
    result_.stalls.control.add(Clock::now() - control_begun);
    ++result_.writes;
    ++window_writes;
    if (after - window_begun >= 100ms) {
      double rate = static_cast<double>(window_writes) /
                    std::chrono::duration<double>(after - window_begun).count();
      if (result_.lowest_rate < 0 || rate < result_.lowest_rate) result_.lowest_rate = rate;
      window_begun = after;
      window_writes = 0;
    }
    pace.wait();
  }
  result_.seconds = std::chrono::duration<double>(Clock::now() - begun).count();
}

Reader::Reader(const Sessions& sessions, KeyRange keys, double rate)
    : sessions_(sessions), keys_(keys), rate_(rate) {
  thread_ = std::thread([this] { run(); });
}

Reader::~Reader() {
  if (thread_.joinable()) stop();
}

Reader::Result Reader::stop() {
  stopping_ = true;
  thread_.join();
  return result_;
}

void Reader::run() {
  Pace pace(rate_);
  while (!stopping_) {
    // A step that visits all keys of a range in no order that memory would like.
    const SessionKey key = session_key(keys_.first + result_.reads * 7919 % keys_.count);
    bool found = false;
    const std::uint64_t preempted = preemptions();
    const auto before = Clock::now();
    sessions_.find(key, [&](replication::NodeRef, const Session&) { found = true; });
    const auto after = Clock::now();
    result_.stalls.add(after - before, preempted);
    const auto control_begun = Clock::now();
    control_.look(result_.reads);
    result_.stalls.control.add(Clock::now() - control_begun);
    ++result_.reads;
    if (found) {
      result_.last_found_us = monotonic_us();
    } else if (result_.first_missed_us == 0) {
      result_.first_missed_us = monotonic_us();
    }
    pace.wait();
  }
}

}  // namespace benchmarks
