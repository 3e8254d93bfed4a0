#include "server/metrics/busy_ratio.h"

#include <pthread.h>

#include <algorithm>

namespace server {

void BusyRatio::watch_this_thread() {
  clockid_t clock = no_clock;
  if (pthread_getcpuclockid(pthread_self(), &clock) == 0) clock_.store(clock);
}

void BusyRatio::look() {
  const clockid_t clock = clock_.load();
  timespec spent{};
  if (clock == no_clock || clock_gettime(clock, &spent) != 0) return;
  const Reading now{std::chrono::steady_clock::now(),
                    std::chrono::seconds(spent.tv_sec) + std::chrono::nanoseconds(spent.tv_nsec)};
  if (last_ && now.at > last_->at) {
    const std::chrono::duration<double> busy = now.cpu - last_->cpu;
    const std::chrono::duration<double> passed = now.at - last_->at;
    // The two clocks are not read at one moment.
    value_.store(std::clamp(busy / passed, 0.0, 1.0), std::memory_order_relaxed);
  }
  last_ = now;
}

}  // namespace server
