// The whole way of a chat message through one node's loop: from the sender's socket through parser,
// session and router to the recipient's, so many in one read. 100 bytes of text, no TLS. The
// sockets' system calls and the client's own reading are in it.

#include <benchmark/benchmark.h>

#include "tests/server/cost/message_path.h"

namespace tests {
namespace {

void message(benchmark::State& state) {
  MessagePath path;
  const auto count = static_cast<std::size_t>(state.range(0));
  path.send(count);
  for (auto _ : state) path.send(count);
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()) * state.range(0));
}
BENCHMARK(message)->Arg(1)->Arg(16)->Arg(128);

}  // namespace
}  // namespace tests
