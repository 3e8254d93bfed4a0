#include <algorithm>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>
#include <filesystem>
#include <tuple>
#include <variant>

#include "discovery/dns_name.h"
#include "server/config/checker.h"
#include "server/config/secret.h"
#include "server/config/sources.h"

namespace server {
namespace {

const std::string mysql_url_form = "mysql://user@host:3306/database";

void check_durations(const Draft& draft, Checker& checker) {
  const Config& config = draft.config;
  if (!draft.mysql.url.empty() && draft.mysql.lease < config.peers.silence_max) {
    checker.fault(checker.is_given("mysql.lease") ? "mysql.lease" : "peers.silence_max",
                  "[mysql] lease " + to_text(draft.mysql.lease) +
                      " is shorter than [peers] silence_max " + to_text(config.peers.silence_max) +
                      " (" + checker.referred("peers.silence_max") +
                      "): live nodes would be removed");
  }
  if (config.peers.forget_after < config.peers.silence_max) {
    checker.fault(
        checker.is_given("peers.forget_after") ? "peers.forget_after" : "peers.silence_max",
        "[peers] forget_after " + to_text(config.peers.forget_after) +
            " is shorter than silence_max " + to_text(config.peers.silence_max) + " (" +
            checker.referred("peers.silence_max") +
            "): records would go before their node counts as unreachable");
  }
}

void check_secret(const std::string& name, const std::string& title, const std::string& path,
                  Checker& checker) {
  if (path.empty()) return;
  const auto secret = read_secret(path);
  if (secret.has_error()) {
    checker.fault(name, title + ": " + secret.error().message, secret.error().fix);
  }
}

bool is_loopback(const Endpoint& endpoint) {
  return endpoint.host.starts_with("127.") || endpoint.host == "::1";
}

void check_listeners(const ListenConfig& listen, Checker& checker) {
  const std::pair<const char*, const std::optional<Endpoint>&> listeners[] = {
      {"c2s", listen.c2s},     {"c2s_tls", listen.c2s_tls}, {"websocket", listen.websocket},
      {"peers", listen.peers}, {"health", listen.health},   {"admin", listen.admin}};
  for (auto later = std::begin(listeners); later != std::end(listeners); ++later) {
    if (!later->second || later->second->port == 0) continue;
    for (auto earlier = std::begin(listeners); earlier != later; ++earlier) {
      if (earlier->second != later->second) continue;
      checker.fault(std::string("listen.") + later->first,
                    std::string("[listen] ") + later->first + ": " + to_string(*later->second) +
                        " is taken by " + earlier->first + " (" +
                        checker.referred(std::string("listen.") + earlier->first) + ")");
    }
  }
  // Hardening H3: a token must not cross the network in clear.
  if (listen.admin && !is_loopback(*listen.admin)) {
    checker.fault("listen.admin",
                  "[listen] admin: " + to_string(*listen.admin) +
                      " can be reached from outside, and the API has no TLS",
                  "a loopback address such as \"127.0.0.1:5298\"; reach it through an SSH tunnel");
  }
}

bool has_capitals(const std::string& text) {
  return std::ranges::any_of(text, [](char c) { return c >= 'A' && c <= 'Z'; });
}

/// What DNS lists is all that peers know a node by, so its own name must be that.
void check_dns(const Draft& draft, Checker& checker) {
  const std::string& name = draft.config.discovery.name;
  const std::string& node = draft.config.node.name;
  if (name.empty()) {
    if (checker.has_text("discovery.name")) return;  // It is wrong, and was told so.
    checker.fault("discovery.backend", "[discovery] backend is dns, but there is no name",
                  "add name = \"_peers._tcp.meerkat.default.svc.cluster.local\" to [discovery]");
    return;
  }
  const std::string at = checker.is_given("node.name") ? "node.name" : "discovery.name";
  if (!discovery::is_dns_service(name)) {
    if (discovery::is_dns_node_name(node)) return;
    checker.fault(at,
                  "[node] name: " + node + " is not an address, and " + name +
                      " has no SRV records: its nodes are called by their addresses",
                  "name = \"${POD_IP}\" in [node], or a name with SRV records in [discovery]");
    return;
  }
  if (draft.config.discovery.port != 0) {
    checker.fault("discovery.port",
                  "[discovery] port: the SRV records of " + name + " say the ports",
                  "leave it out");
  }
  if (node.find('.') != std::string::npos || has_capitals(node)) {
    checker.fault(at,
                  "[node] name: " + node +
                      " is not the first label of a target, in lower case, as nodes are called by "
                      "SRV records",
                  "name = \"meerkat-0\" for a target meerkat-0.meerkat.default.svc.cluster.local");
  }
}

void check_discovery(const Draft& draft, Checker& checker, std::vector<std::string>& warnings) {
  const DiscoveryConfig& discovery = draft.config.discovery;
  const bool is_file = discovery.backend == DiscoveryBackend::file;
  const bool is_dns = discovery.backend == DiscoveryBackend::dns;
  if (is_file && discovery.file.empty()) {
    checker.fault("discovery.backend", "[discovery] backend is file, but there is no file",
                  "add file = \"nodes.txt\" to [discovery]");
  }
  if (is_dns) check_dns(draft, checker);
  const std::tuple<const char*, DiscoveryBackend, bool> keys[] = {
      {"file", DiscoveryBackend::file, !discovery.file.empty()},
      {"name", DiscoveryBackend::dns, !discovery.name.empty()},
      {"port", DiscoveryBackend::dns, discovery.port != 0},
      {"server", DiscoveryBackend::dns, !discovery.server.empty()}};
  for (const auto& [key, backend, is_set] : keys) {
    if (backend == discovery.backend || !is_set) continue;
    const std::string word = backend == DiscoveryBackend::file ? "file" : "dns";
    checker.fault(std::string("discovery.") + key,
                  std::string("[discovery] ") + key + " is for the back end " + word,
                  "backend = \"" + word + "\", or leave it out");
  }
  const bool has_peers = is_file || is_dns || !draft.mysql.url.empty();
  if (has_peers && draft.config.peers.secret_file.empty()) {
    warnings.push_back("[peers] has no secret_file: this node refuses to have peers");
  }
}

}  // namespace

std::string referred(const GivenValues& given, const std::string& name) {
  const auto at = given.find(name);
  if (at == given.end()) return "default";
  const ConfigFault& place = at->second.place;
  return place.flag.empty() ? "line " + std::to_string(place.line) : place.flag;
}

std::optional<Wrong> split_mysql_url(MysqlConfig& mysql) {
  const auto parsed = boost::urls::parse_uri(mysql.url);
  if (parsed.has_error()) return Wrong{"\"" + mysql.url + "\" is not a URL", mysql_url_form};
  const boost::urls::url_view url = *parsed;
  if (url.scheme() != "mysql") {
    return Wrong{"unknown scheme `" + std::string(url.scheme()) + "`", mysql_url_form};
  }
  if (url.has_password()) {
    return Wrong{"holds a password", "put it into a file and name that as password_file"};
  }
  mysql.user = url.user();
  mysql.host = url.host_type() == boost::urls::host_type::ipv6 ? std::string(url.host_address())
                                                               : std::string(url.host());
  if (mysql.user.empty()) return Wrong{"has no user", mysql_url_form};
  if (mysql.host.empty()) return Wrong{"has no host", mysql_url_form};
  if (url.has_port() && url.port_number() == 0) {
    return Wrong{"port " + std::string(url.port()) + " is not from 1 to 65535", mysql_url_form};
  }
  if (url.has_port()) mysql.port = url.port_number();
  if (url.segments().size() != 1 || url.segments().front().empty()) {
    return Wrong{"names no database", mysql_url_form};
  }
  mysql.database = url.segments().front();
  for (const auto& param : url.params()) {
    if (param.key != "socket") {
      return Wrong{"unknown parameter `" + std::string(param.key) + "`", mysql_url_form};
    }
    mysql.socket = param.value;
  }
  return std::nullopt;
}

void check_together(const Draft& draft, const GivenValues& given, ConfigFaults& faults,
                    std::vector<std::string>& warnings) {
  Checker checker(given, faults);
  check_durations(draft, checker);
  check_listeners(draft.config.listen, checker);
  check_tls(draft, checker);
  check_secret("peers.secret_file", "[peers] secret_file", draft.config.peers.secret_file, checker);
  check_secret("mysql.password_file", "[mysql] password_file", draft.mysql.password_file, checker);
  check_discovery(draft, checker, warnings);
  const bool has_mysql_keys = given.lower_bound("mysql.") != given.lower_bound("mysql/");
  if (draft.mysql.url.empty() && has_mysql_keys) {
    checker.fault(given.lower_bound("mysql.")->first, "[mysql] has no url",
                  "add url = \"" + mysql_url_form + "\" to [mysql]");
  }
  // Hardening D3: what weakens is named so.
  if (!draft.config.c2s.tls_required) {
    warnings.push_back(
        "[c2s] tls_required is false: logins and messages may cross the network "
        "unencrypted");
  }
  if (draft.config.registration.enabled) {
    warnings.push_back("[register] enabled is true: anybody who can connect can make accounts");
  }
}

}  // namespace server
