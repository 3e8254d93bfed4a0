// What TLS 1.3 adds to a stanza: one record from one side to the other, over a pair of sockets,
// with the server's own context. And a whole handshake, both sides of it.

#include <benchmark/benchmark.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "server/loop/descriptor.h"
#include "server/stream/tls_context.h"

namespace server {
namespace {

struct Free {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};

/// A client and a server of TLS on one thread.
class Pair {
 public:
  Pair(const TlsContext& context, SSL_CTX* client_context)
      : server(context.new_ssl()), client(SSL_new(client_context)) {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) != 0) std::abort();
    server_socket_ = Descriptor(ends[0]);
    client_socket_ = Descriptor(ends[1]);
    SSL_set_fd(server.get(), ends[0]);
    SSL_set_fd(client.get(), ends[1]);
    SSL_set_accept_state(server.get());
    SSL_set_connect_state(client.get());
  }

  bool shake_hands() {
    for (int turn = 0; turn < 10; ++turn) {
      const int mine = SSL_do_handshake(client.get());
      if (SSL_do_handshake(server.get()) == 1 && mine == 1) return true;
    }
    return false;
  }

  std::unique_ptr<SSL, Free> server, client;

 private:
  Descriptor server_socket_, client_socket_;
};

void record(benchmark::State& state) {
  const auto context = *TlsContext::self_signed({"localhost"});
  const std::unique_ptr<SSL_CTX, Free> client_context(SSL_CTX_new(TLS_client_method()));
  Pair pair(*context, client_context.get());
  if (!pair.shake_hands()) return state.SkipWithError("no handshake");
  const std::string stanza(static_cast<std::size_t>(state.range(0)), 'x');
  std::vector<char> buffer(65536);
  for (auto _ : state) {
    std::size_t written = 0, read = 0;
    if (SSL_write_ex(pair.client.get(), stanza.data(), stanza.size(), &written) != 1 ||
        SSL_read_ex(pair.server.get(), buffer.data(), buffer.size(), &read) != 1 ||
        read != stanza.size()) {
      return state.SkipWithError("the record did not come whole");
    }
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) * state.range(0));
}
BENCHMARK(record)->Arg(215)->Arg(4'096)->Arg(16'384);

void handshake(benchmark::State& state) {
  const auto context = *TlsContext::self_signed({"localhost"});
  const std::unique_ptr<SSL_CTX, Free> client_context(SSL_CTX_new(TLS_client_method()));
  for (auto _ : state) {
    Pair pair(*context, client_context.get());
    if (!pair.shake_hands()) return state.SkipWithError("no handshake");
  }
}
BENCHMARK(handshake);

}  // namespace
}  // namespace server
