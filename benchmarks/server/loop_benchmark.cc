// What it costs to hand something to another loop: a task in its mailbox, in batches of so many.

#include <benchmark/benchmark.h>

#include <cstdint>

#include "server/loop/loop.h"

namespace server {
namespace {

void mailbox(benchmark::State& state) {
  Loop loop(0);
  std::int64_t done = 0;
  for (auto _ : state) {
    for (std::int64_t i = 0; i < state.range(0); ++i) {
      // Three words captured, as of a stanza that is shared.
      const auto task = [&done, i, &state] { done += i < state.range(0) ? 1 : 0; };
      if (!loop.offer(task, 300)) state.SkipWithError("the mailbox is full");
    }
    loop.poll();
  }
  if (done != static_cast<std::int64_t>(state.iterations()) * state.range(0)) {
    state.SkipWithError("a task was not run");
  }
  state.SetItemsProcessed(done);
}
BENCHMARK(mailbox)->Arg(1)->Arg(16)->Arg(256);

}  // namespace
}  // namespace server
