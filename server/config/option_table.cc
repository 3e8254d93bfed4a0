#include "server/config/option_table.h"

#include <algorithm>
#include <chrono>
#include <string>

#include "discovery/dns_name.h"
#include "server/config/option_kinds.h"
#include "server/config/quantity.h"

namespace server {
namespace {

using std::chrono::milliseconds;
using namespace option_kinds;  // The rows of the table read as words.

std::optional<Wrong> wrong_domain(const std::string& domain) {
  // Only what cannot be a domain at all: RFC 7622 preparation is the JID's.
  if (domain.empty()) return Wrong{"a domain must not be empty", ""};
  if (domain.size() > 1023) return Wrong{"a domain is longer than 1,023 bytes", ""};
  if (domain.find_first_of("@/ \t\r\n<>\"'&:") != std::string::npos) {
    return Wrong{"\"" + domain + "\" is not a domain", "a name such as \"example.org\""};
  }
  return std::nullopt;
}

std::optional<Wrong> wrong_mechanism(const std::string& name) {
  static const std::vector<std::string> known = C2sConfig().mechanisms;
  if (std::find(known.begin(), known.end(), name) != known.end()) return std::nullopt;
  std::string listed;
  for (const std::string& word : known) listed += (listed.empty() ? "" : ", ") + word;
  return Wrong{"unknown mechanism `" + name + "`", "any of " + listed};
}

/// Names stand in logs, metrics, the database and URLs.
std::optional<Wrong> wrong_name(const std::string& name) {
  constexpr std::string_view allowed =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
  if (name.empty()) return Wrong{"must not be empty", ""};
  if (name.size() > 64) return Wrong{"is longer than 64 bytes", ""};
  if (name == "self") return Wrong{"`self` means the node that is asked", "another name"};
  if (name.find_first_not_of(allowed) != std::string::npos) {
    return Wrong{"\"" + name + "\" has other characters than letters, digits, `-`, `_` and `.`",
                 ""};
  }
  return std::nullopt;
}

/// Not more than what DNS can hold (RFC 1035 §2.3.4), and what a service's name is (RFC 2782).
std::optional<Wrong> wrong_dns_name(const std::string& name) {
  if (name.empty()) return std::nullopt;  // Not given.
  const std::string fix = "a name such as \"_peers._tcp.meerkat.default.svc.cluster.local\"";
  constexpr std::string_view allowed =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
  const std::string whole = name.ends_with('.') ? name.substr(0, name.size() - 1) : name;
  bool is_sound = !whole.empty() && whole.size() <= 253;
  int underscores = 0;
  for (std::size_t at = 0; is_sound && at <= whole.size();) {
    const std::size_t dot = std::min(whole.find('.', at), whole.size());
    const std::string label = whole.substr(at, dot - at);
    is_sound = !label.empty() && label.size() <= 63 &&
               label.find_first_not_of(allowed) == std::string::npos;
    if (label.starts_with('_')) ++underscores;
    at = dot + 1;
  }
  // Of a service's name the first two labels begin so.
  if (is_sound && discovery::is_dns_service(name) && underscores != 2) is_sound = false;
  if (!is_sound) return Wrong{"\"" + name + "\" is not a name in DNS", fix};
  return std::nullopt;
}

std::optional<Wrong> wrong_dns_server(const std::string& place) {
  if (place.empty()) return std::nullopt;  // Not given.
  const auto parsed = parse_endpoint(place);
  if (parsed && parsed->port != 0 && parsed->host.find(':') == std::string::npos) {
    return std::nullopt;
  }
  return Wrong{"\"" + place + "\" is not an IPv4 address and a port", "such as \"10.96.0.10:53\""};
}

/// `${POD_IP}` may be an IPv6 address: the name has `-` for its colons, as discovery by DNS has it.
Option node_name(Option made) {
  made.set = [set = made.set](Draft& draft, const RawValue& raw) -> std::optional<Wrong> {
    const std::string* text = text_of(raw);
    if (text == nullptr || text->find(':') == std::string::npos) return set(draft, raw);
    const std::string name = discovery::dns_node_name(*text);
    return set(draft, name.empty() ? raw : RawValue(name));
  };
  return made;
}

constexpr Names<LogFormat, 2> log_formats = {
    {{"json", LogFormat::json}, {"text", LogFormat::text}}};
constexpr Names<LogLevel, 5> log_levels = {{{"trace", LogLevel::trace},
                                            {"debug", LogLevel::debug},
                                            {"info", LogLevel::info},
                                            {"warning", LogLevel::warning},
                                            {"error", LogLevel::error}}};
constexpr Names<PeerTls, 3> peer_tls_modes = {
    {{"off", PeerTls::off}, {"optional", PeerTls::optional}, {"required", PeerTls::required}}};
constexpr Names<DiscoveryBackend, 3> backends = {{{"mysql", DiscoveryBackend::mysql},
                                                  {"file", DiscoveryBackend::file},
                                                  {"dns", DiscoveryBackend::dns}}};

// The member of a draft, const or not.
#define FIELD(member) [](auto& draft) -> auto& { return draft.member; }

std::vector<Option> make_table() {
  return {
      list("", "domains", FIELD(config.domains), wrong_domain,
           "the domains served here; the first is the main one"),
      count("", "loops", FIELD(config.loops), 0, 256,
            "event loops, each with a thread; 0 is one for two cores"),

      node_name(
          checked("node", "name", FIELD(config.node.name), wrong_name, "unique in the cluster")),
      text("node", "advertise", FIELD(config.node.advertise),
           "the address that peers dial; auto is the first private one"),
      checked("node", "cluster", FIELD(config.node.cluster), wrong_name,
              "tells clusters apart that share a database"),

      path("tls", "certificate", FIELD(config.tls.certificate),
           "PEM with the whole chain; without it the node makes its own"),
      path("tls", "key", FIELD(config.tls.key), "PEM, readable by this user only"),

      choice("log", "format", FIELD(config.log.format), log_formats, "json or text"),
      choice("log", "level", FIELD(config.log.level), log_levels,
             "trace, debug, info, warning or error"),

      endpoint("c2s", FIELD(config.listen.c2s), "clients expect 5222", "clients, with STARTTLS"),
      endpoint("c2s_tls", FIELD(config.listen.c2s_tls), "clients expect 5223",
               "clients, TLS from the first byte"),
      endpoint("websocket", FIELD(config.listen.websocket), "5280 is usual", "browsers (RFC 7395)"),
      endpoint("peers", FIELD(config.listen.peers), "5290 is usual", "the other nodes"),
      endpoint("health", FIELD(config.listen.health), "5299 is usual",
               "livez, readyz and metrics: no secrets, no login"),
      endpoint("admin", FIELD(config.listen.admin), "5298 is usual",
               "the API, with a token; a loopback address"),

      path("peers", "secret_file", FIELD(config.peers.secret_file),
           "the cluster's secret; without it the node refuses to have peers"),
      duration("peers", "silence_max", FIELD(config.peers.silence_max),
               "a peer silent for so long counts as unreachable"),
      duration("peers", "forget_after", FIELD(config.peers.forget_after),
               "after that its records are forgotten"),
      boolean("peers", "relay", FIELD(config.peers.relay),
              "nodes that cannot reach each other are linked through a third"),
      choice("peers", "tls", FIELD(config.peers.tls), peer_tls_modes,
             "off, optional or required; optional also takes peers without it"),
      path("peers", "certificate", FIELD(config.peers.certificate),
           "PEM with the whole chain, which this node shows to its peers"),
      path("peers", "key", FIELD(config.peers.key), "PEM, readable by this user only"),
      path("peers", "ca", FIELD(config.peers.ca), "PEM: the authorities that vouch for peers"),
      text("peers", "peer_name", FIELD(config.peers.peer_name),
           "the DNS name in a peer's certificate; {node} is the peer's name"),

      text("mysql", "url", FIELD(mysql.url),
           "mysql://user@host:port/database; without it users are in the embedded store"),
      path("mysql", "password_file", FIELD(mysql.password_file), "the password, in a file"),
      boolean("mysql", "tls", FIELD(mysql.tls),
              "connect by TLS alone, to a server whose certificate is for its host"),
      path("mysql", "tls_ca", FIELD(mysql.tls_ca),
           "PEM: the authorities that vouch for the server"),
      duration("mysql", "lease", FIELD(mysql.lease),
               "how long the node stays listed without a renewal; three may fail"),
      count("mysql", "connections", FIELD(mysql.connections), 1, 256,
            "connections for users and credentials"),
      duration("mysql", "timeout", FIELD(mysql.timeout), "to connect, and for a statement"),
      duration("mysql", "start_wait", FIELD(mysql.start_wait),
               "a database that is away at start is waited for; then the node ends with 69"),

      path("storage", "sqlite", FIELD(config.storage.sqlite),
           "the embedded store's file, used without [mysql]"),

      choice("discovery", "backend", FIELD(config.discovery.backend), backends,
             "mysql, file or dns; with mysql but without [mysql] the node stands alone"),
      path("discovery", "file", FIELD(config.discovery.file),
           "for the file back end: a node a line, read again when it changes"),
      checked("discovery", "name", FIELD(config.discovery.name), wrong_dns_name,
              "for the dns back end: a name with SRV records, or with the nodes' addresses"),
      port("discovery", "port", FIELD(config.discovery.port),
           "for dns with addresses: where peers listen; 0 is the port of [listen] peers"),
      checked("discovery", "server", FIELD(config.discovery.server), wrong_dns_server,
              "for dns: an address and port to ask instead of /etc/resolv.conf's"),
      duration("discovery", "interval", FIELD(config.discovery.interval),
               "between two looks at the list; a lost link looks at once", milliseconds(100)),

      count("limits", "sessions_max", FIELD(config.limits.sessions_max), 1, 10'000'000,
            "sessions on this node; past it resource-constraint"),
      bytes("limits", "send_queue_bytes_max", FIELD(config.limits.send_queue_bytes_max), 64 * 1024,
            "what waits for a slow client; past it the stream is closed"),
      // RFC 6120 §13.12: at least 10,000 bytes.
      bytes("limits", "stanza_bytes_max", FIELD(config.limits.stanza_bytes_max), 10'000,
            "a stanza from a client"),
      bytes("limits", "login_stanza_bytes_max", FIELD(config.limits.login_stanza_bytes_max), 10'000,
            "the same before login"),
      rate("limits", "login_rate", FIELD(config.limits.login_rate), "above it logins wait"),
      count("limits", "resources_max", FIELD(config.limits.resources_max), 1, 1'000,
            "sessions an account, with a stream"),
      duration("limits", "resume_time", FIELD(config.limits.resume_time),
               "a session that lost its stream waits so long for its client; 0 keeps none",
               milliseconds(0)),
      duration("limits", "login_token_time", FIELD(config.limits.login_token_time),
               "a client may log in with a token so long (XEP-0484); 0 gives none", milliseconds(0),
               std::chrono::days(365)),
      count("limits", "roster_items_max", FIELD(config.limits.roster_items_max), 1, 100'000,
            "contacts of an account; past it resource-constraint"),
      count("limits", "roster_requests_max", FIELD(config.limits.roster_requests_max), 1, 100'000,
            "requests for its presence that wait for an account; newer ones are refused"),
      count("limits", "blocked_jids_max", FIELD(config.limits.blocked_jids_max), 1, 10'000,
            "JIDs that an account blocks; past it, or past 64 KiB of them, resource-constraint"),
      duration("limits", "login_timeout", FIELD(config.limits.login_timeout),
               "from accept to bound session"),
      duration("limits", "tls_handshake_timeout", FIELD(config.limits.tls_handshake_timeout),
               "for the TLS handshake"),
      duration("limits", "close_timeout", FIELD(config.limits.close_timeout),
               "for the client's end of the stream"),
      duration("limits", "write_timeout", FIELD(config.limits.write_timeout),
               "no progress in writing for so long ends the stream"),

      count("offline", "messages_max", FIELD(config.offline.messages_max), 1, 100'000,
            "messages stored for an account; past it the sender gets service-unavailable"),
      bytes("offline", "bytes_max", FIELD(config.offline.bytes_max), 10'000, "the same in bytes"),

      boolean("archive", "enabled", FIELD(config.archive.enabled),
              "keep messages between two people in the archives of both (XEP-0313)"),
      count("archive", "page_max", FIELD(config.archive.page_max), 1, 250,
            "messages in one answer to a client that reads its archive"),
      duration("archive", "expire_after", FIELD(config.archive.expire_after),
               "delete messages that are older; 0 keeps all", milliseconds(0),
               std::chrono::days(36'500)),

      duration("drain", "notice", FIELD(config.drain.notice),
               "not ready for so long before the first stream ends", milliseconds(0)),
      rate("drain", "rate", FIELD(config.drain.rate), "streams ended in a second"),
      duration("drain", "deadline", FIELD(config.drain.deadline),
               "after the notice; then the process exits with 75"),

      boolean("c2s", "tls_required", FIELD(config.c2s.tls_required),
              "refuse logins before STARTTLS"),
      list("c2s", "mechanisms", FIELD(config.c2s.mechanisms), wrong_mechanism,
           "SASL mechanisms, in the order offered"),
      duration("c2s", "ping_interval", FIELD(config.c2s.ping_interval),
               "a client silent for so long is pinged; 0 never", milliseconds(0)),
      duration("c2s", "ping_timeout", FIELD(config.c2s.ping_timeout),
               "no answer for so long ends the session"),

      boolean("register", "enabled", FIELD(config.registration.enabled),
              "in-band registration (XEP-0077)"),

      path("admin", "token_file", FIELD(config.admin.token_file),
           "the admin API's token; made on first start if absent"),
  };
}
#undef FIELD

}  // namespace

const std::vector<Option>& option_table() {
  static const std::vector<Option> table = make_table();
  return table;
}

const Option* find_option(std::string_view section, std::string_view key) {
  for (const Option& option : option_table()) {
    if (option.section == section && option.key == key) return &option;
  }
  return nullptr;
}

}  // namespace server
