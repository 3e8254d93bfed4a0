#include "discovery/dns_resolver.h"

#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <netdb.h>
#include <netinet/in.h>
#include <resolv.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "discovery/node_row.h"

namespace discovery {
namespace {

constexpr int tries = 2;  // One lost datagram is no news; the next turn asks again anyway.

// libc's resolver with settings of its own, for one question.
class State {
 public:
  State() : is_made_(res_ninit(&state_) == 0) {}
  ~State() {
    if (is_made_) res_nclose(&state_);
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  explicit operator bool() const { return is_made_; }
  res_state get() { return &state_; }

  bool use_server(const std::string& server) {
    const auto place = parse_host_port(server);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    if (!place || inet_pton(AF_INET, place->host.c_str(), &address.sin_addr) != 1) return false;
    address.sin_port = htons(place->port);
    state_.nscount = 1;
    state_.nsaddr_list[0] = address;
    return true;
  }

 private:
  struct __res_state state_ {};
  bool is_made_;
};

// What the resolver says when it has no answer; the error of the system tells a refused port.
std::string words_of(int resolver_error, int system_error) {
  switch (resolver_error) {
    case TRY_AGAIN:
      if (system_error == ECONNREFUSED) return "the DNS server's port is closed";
      if (system_error == ETIMEDOUT) return "no DNS server answered in time";
      return "no DNS server answered in time, or it failed (SERVFAIL)";
    case NO_RECOVERY:
      return "the DNS server refuses to answer";
    default:
      return hstrerror(resolver_error);
  }
}

}  // namespace

DnsResolver::DnsResolver(std::string server, std::chrono::milliseconds timeout)
    : server_(std::move(server)),
      timeout_seconds_(
          static_cast<int>(std::max<std::int64_t>(1, (timeout.count() + 999) / 1'000))) {}

Result<std::vector<DnsRecord>> DnsResolver::ask(const std::string& name, DnsType type) {
  const auto fail = [&](Errc code, const std::string& words) {
    last_failure_ = name + (server_.empty() ? "" : " at " + server_) + ": " + words;
    return code;
  };
  State state;
  if (!state) return fail(Errc::registry_unavailable, "libc's resolver does not start");
  if (!server_.empty() && !state.use_server(server_)) {
    return fail(Errc::registry_unavailable, "the DNS server is no IPv4 address and port");
  }
  state.get()->retrans = timeout_seconds_;
  state.get()->retry = tries;

  std::vector<std::uint8_t> answer(NS_MAXMSG);
  errno = 0;
  const int size = res_nsearch(state.get(), name.c_str(), ns_c_in, static_cast<int>(type),
                               answer.data(), static_cast<int>(answer.size()));
  if (size < 0) {
    const int system_error = errno;
    const int error = state.get()->res_h_errno;
    if (error == HOST_NOT_FOUND || error == NO_DATA) return std::vector<DnsRecord>();
    return fail(Errc::registry_unavailable, words_of(error, system_error));
  }
  answer.resize(std::min(answer.size(), static_cast<std::size_t>(size)));
  auto records = parse_dns_answer(answer, type);
  if (records.has_error()) return fail(Errc::malformed, "the answer is no DNS message");
  return records;
}

}  // namespace discovery
