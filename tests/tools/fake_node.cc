// Stands in for meerkatd in the tests of `cluster`: it reads the same configuration file, serves
// /readyz, /metrics and the user API, greets clients with its name, and ends on SIGTERM. Its build
// is "next" when its program's name says so. What shall go wrong is told by files in the folder of
// its configuration: `fail` (ends at start), `unready` (never ready).

#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;

volatile sig_atomic_t ending = 0;

std::string value_of(const std::string& toml, const std::string& key) {
  const auto found = toml.find("\n" + key + " = \"");
  if (found == std::string::npos) return "";
  const auto begin = found + key.size() + 5;
  return toml.substr(begin, toml.find('"', begin) - begin);
}

int listen_on(const std::string& address) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int yes = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  sockaddr_in here{};
  here.sin_family = AF_INET;
  here.sin_port = htons(static_cast<std::uint16_t>(std::atoi(&address[address.rfind(':') + 1])));
  here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (bind(fd, reinterpret_cast<sockaddr*>(&here), sizeof here) != 0 || listen(fd, 64) != 0) {
    std::fprintf(stderr, "{\"event\":\"cannot listen on %s\"}\n", address.c_str());
    std::exit(70);
  }
  return fd;
}

void send_all(int client, const std::string& text) {
  [[maybe_unused]] const auto sent = send(client, text.data(), text.size(), MSG_NOSIGNAL);
}

void answer_http(int client, bool ready, const std::string& version, std::size_t sessions) {
  std::array<char, 8192> buffer{};
  const ssize_t size = recv(client, buffer.data(), buffer.size(), 0);
  const std::string request(buffer.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
  std::string status = "404 Not Found";
  std::string body;
  if (request.starts_with("GET /readyz")) {
    status = ready ? "200 OK" : "503 Service Unavailable";
    body = ready ? "ready" : "joined 1 of 2 peers";
  } else if (request.starts_with("GET /metrics")) {
    status = "200 OK";
    body = "meerkat_build_info{version=\"" + version + "\",commit=\"x\"} 1\n" +
           "meerkat_sessions{transport=\"tcp\"} " + std::to_string(sessions) + "\n";
  } else if (request.starts_with("POST /api/v1/users")) {
    const bool allowed = request.find("\r\nAuthorization: Bearer dev\r\n") != std::string::npos;
    status = allowed ? "201 Created" : "401 Unauthorized";
  }
  send_all(client, "HTTP/1.1 " + status + "\r\nContent-Length: " + std::to_string(body.size()) +
                       "\r\nConnection: close\r\n\r\n" + body);
}

}  // namespace

int main(int argc, char** argv) {
  constexpr std::string_view flag = "--config=";
  if (argc != 2 || !std::string_view(argv[1]).starts_with(flag)) return 64;
  const fs::path config = std::string(argv[1]).substr(flag.size());
  std::ifstream file(config);
  const std::string toml((std::istreambuf_iterator<char>(file)), {});
  const std::string name = value_of(toml, "name");
  const fs::path folder = config.parent_path();
  const bool next = fs::path(argv[0]).filename().string().find("next") != std::string::npos;
  const std::string version = next ? "0.2.0" : "0.1.0";
  std::fprintf(stderr,
               "{\"time\":\"2026-01-01T00:00:00Z\",\"node\":\"%s\",\"event\":\"started\"}\n",
               name.c_str());
  if (fs::exists(folder / "fail")) {
    std::fprintf(stderr, "{\"event\":\"told to fail\"}\n");
    return 70;
  }
  const bool ready = !fs::exists(folder / "unready");

  struct sigaction action {};
  action.sa_handler = [](int) { ending = 1; };
  sigaction(SIGTERM, &action, nullptr);
  std::vector<pollfd> waits;
  for (const char* key : {"health", "admin", "c2s"}) {
    waits.push_back({listen_on(value_of(toml, key)), POLLIN, 0});
  }
  std::vector<int> clients;  // They stay connected: our sessions.
  while (ending == 0) {
    if (poll(waits.data(), waits.size(), -1) <= 0) continue;
    for (std::size_t i = 0; i < waits.size(); ++i) {
      if ((waits[i].revents & POLLIN) == 0) continue;
      const int client = accept4(waits[i].fd, nullptr, nullptr, SOCK_CLOEXEC);
      if (client < 0) continue;
      if (i == 2) {
        send_all(client, name + "\n");
        clients.push_back(client);
      } else {
        answer_http(client, ready, version, clients.size());
        close(client);
      }
    }
  }
  std::fprintf(stderr, "{\"event\":\"drained\"}\n");
  return 0;
}
