// A library to preload: the process's wall clock is off by MEERKAT_CLOCK_OFFSET seconds, as on a
// machine whose clock was never set. The clock that only runs (CLOCK_MONOTONIC) stays right.

#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include <cstdlib>
#include <ctime>

namespace {

time_t offset() {
  static const time_t seconds = [] {
    const char* text = std::getenv("MEERKAT_CLOCK_OFFSET");
    return text == nullptr ? time_t{0} : static_cast<time_t>(std::atoll(text));
  }();
  return seconds;
}

}  // namespace

extern "C" int clock_gettime(clockid_t clock, timespec* time) noexcept {
  const long failed = syscall(SYS_clock_gettime, clock, time);
  const bool is_wall = clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE;
  if (failed == 0 && is_wall) time->tv_sec += offset();
  return static_cast<int>(failed);
}

extern "C" int gettimeofday(timeval* time, void* /*zone*/) noexcept {
  timespec now{};
  if (clock_gettime(CLOCK_REALTIME, &now) != 0) return -1;
  time->tv_sec = now.tv_sec;
  time->tv_usec = now.tv_nsec / 1'000;
  return 0;
}

extern "C" time_t time(time_t* out) noexcept {
  timespec now{};
  (void)clock_gettime(CLOCK_REALTIME, &now);
  if (out != nullptr) *out = now.tv_sec;
  return now.tv_sec;
}
