// What a login costs the server in SCRAM, hashing no password.

#include <benchmark/benchmark.h>

#include <string>

#include "xmpp/sasl/scram.h"

namespace xmpp {
namespace {

void scram(benchmark::State& state, ScramHash hash, Mechanism mechanism) {
  const ScramKeys keys =
      derive_scram_keys(hash, "r0m30", random_bytes(scram_salt_bytes), scram_iterations_default)
          .value();
  // Nonces that stay, so that the client's answer fits each time and is not timed.
  const ScramServerOptions options{.mechanism = mechanism, .nonce = "servers"};
  ScramClient client(
      {.mechanism = mechanism, .username = "romeo", .password = Secret("r0m30"), .nonce = "mine"});
  const std::string first = client.first();
  ScramServer rehearsal(options);
  if (!rehearsal.begin(first)) return state.SkipWithError("the first message is refused");
  const std::string final = client.respond(rehearsal.challenge(keys)).value();

  for (auto _ : state) {
    ScramServer server(options);
    benchmark::DoNotOptimize(server.begin(first));
    benchmark::DoNotOptimize(server.challenge(keys));
    if (!server.finish(final)) return state.SkipWithError("the login is refused");
  }
}
BENCHMARK_CAPTURE(scram, sha_1, ScramHash::sha1, Mechanism::scram_sha_1);
BENCHMARK_CAPTURE(scram, sha_256, ScramHash::sha256, Mechanism::scram_sha_256);

}  // namespace
}  // namespace xmpp
