#include "tests/support/free_ports.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <random>
#include <stdexcept>
#include <string>

namespace tests {
namespace {

// Above those of ./meerkat cluster, .ci/run and bench; below the kernel's for clients (32768 on).
constexpr int first_port = 26000;
constexpr int port_count = 6700;

/// Takes the port from all other tests: by the name of a socket, which ends with this process.
bool reserve(int port) {
  const int holder = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (holder < 0) return false;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string name = "meerkat-test-port-" + std::to_string(port);
  std::memcpy(address.sun_path + 1, name.data(), name.size());  // Begins with 0: is no file.
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  if (bind(holder, reinterpret_cast<sockaddr*>(&address), size) == 0) return true;
  ::close(holder);
  return false;
}

/// Whether a server could listen on it: somebody else may, who is no test.
bool is_free(int port) {
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (listener < 0) return false;
  const int on = 1;
  (void)setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  const bool is_bound = bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  ::close(listener);
  return is_bound;
}

}  // namespace

std::vector<std::uint16_t> free_ports(std::size_t count) {
  std::vector<std::uint16_t> ports;
  const int begin = static_cast<int>(std::random_device()() % port_count);
  for (int tried = 0; tried < port_count && ports.size() < count; ++tried) {
    const int port = first_port + (begin + tried) % port_count;
    if (reserve(port) && is_free(port)) ports.push_back(static_cast<std::uint16_t>(port));
  }
  if (ports.size() < count) throw std::runtime_error("no free port on 127.0.0.1");
  return ports;
}

}  // namespace tests
