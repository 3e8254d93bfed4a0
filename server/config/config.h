#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "server/config/endpoint.h"

namespace server {

/// How many of something may happen in a second, on this node.
struct Rate {
  double per_second = 0;

  bool operator==(const Rate&) const = default;
};

/// Who this node is.
struct NodeConfig {
  /// Unique in the cluster; the lease in MySQL keeps it so.
  std::string name = "${HOSTNAME}";  // Expanded by load_config(), as in every text value.

  /// The address that peers dial; "auto" is this machine's first private address. Without a port
  /// it takes the one of `ListenConfig::peers`.
  std::string advertise = "auto";

  /// Clusters that share one database are told apart by this name.
  std::string cluster = "default";
};

/// PEM files, read again on SIGHUP. Both or none: without them the node makes a certificate for
/// its domains in memory, which clients must be told to trust.
struct TlsConfig {
  std::string certificate;
  std::string key;
};

enum class LogFormat { json, text };
enum class LogLevel { trace, debug, info, warning, error };

struct LogConfig {
  LogFormat format = LogFormat::json;
  LogLevel level = LogLevel::info;
};

/// Each listener can be switched off ("off", here nullopt).
struct ListenConfig {
  std::optional<Endpoint> c2s = Endpoint{"0.0.0.0", 5222};      ///< STARTTLS
  std::optional<Endpoint> c2s_tls = Endpoint{"0.0.0.0", 5223};  ///< TLS from the first byte
  std::optional<Endpoint> websocket;
  std::optional<Endpoint> peers = Endpoint{"0.0.0.0", 5290};
  std::optional<Endpoint> health = Endpoint{"0.0.0.0", 5299};   ///< livez, readyz, metrics
  std::optional<Endpoint> admin = Endpoint{"127.0.0.1", 5298};  ///< loopback only
};

enum class PeerTls { off, optional, required };

struct PeersConfig {
  /// Holds the secret that all nodes of the cluster share. Empty: this node refuses to have peers.
  std::string secret_file;

  /// A peer silent for so long counts as unreachable; its records come back with it.
  std::chrono::milliseconds silence_max{3'000};

  /// An unreachable peer's records are forgotten after this; a process that is gone is at once.
  std::chrono::milliseconds forget_after{30'000};

  /// Where two nodes cannot reach each other, a third that reaches both carries their link: whether
  /// this node asks for that and does it for others.
  bool relay = true;

  /// TLS on the links to the other nodes; `optional` takes peers without it too, for the time in
  /// which a running cluster is moved from one to the other. The files are PEM, wanted unless it
  /// is off, and read again on SIGHUP.
  PeerTls tls = PeerTls::off;
  std::string certificate;  ///< This node's, with its chain.
  std::string key;
  std::string ca;                    ///< The authorities that vouch for nodes.
  std::string peer_name = "{node}";  ///< The DNS name in the certificate of the peer `{node}`.
};

struct MysqlConfig {
  /// As written; the parts below are taken from it. It holds no password.
  std::string url;
  std::string host;
  std::uint16_t port = 3306;
  std::string socket;  ///< A Unix socket's path (`?socket=…`), then host and port are unused.
  std::string user;
  std::string database;

  std::string password_file;  ///< Empty: the user needs no password.

  bool tls = false;    ///< The server must speak TLS, and show a certificate for `host`.
  std::string tls_ca;  ///< A PEM file: the authorities that vouch for it.

  /// How long this node stays listed without a renewal. Three renewals may fail.
  std::chrono::milliseconds lease{15'000};

  std::size_t connections = 4;  ///< For users and credentials; discovery has one of its own.
  std::chrono::milliseconds timeout{5'000};  ///< To connect, and for a statement.

  /// How long a database that is away when the node starts is waited for; then it ends with 69.
  std::chrono::milliseconds start_wait{30'000};
};

struct StorageConfig {
  std::string sqlite = "meerkat.db";  ///< The embedded store, used when there is no `[mysql]`.
};

enum class DiscoveryBackend { mysql, file, dns };

struct DiscoveryConfig {
  DiscoveryBackend backend =
      DiscoveryBackend::mysql;  ///< Without `[mysql]`: the node stands alone.
  std::string file;             ///< For `file`: a list of nodes, read again when it changes.

  /// For `dns`: if it begins with `_` its SRV records name the nodes and their ports, else its
  /// addresses are the nodes', who are called by them.
  std::string name;
  std::uint16_t port = 0;  ///< For `dns` with addresses; 0: that of `ListenConfig::peers`.
  std::string server;      ///< For `dns`; empty: the servers of /etc/resolv.conf.

  /// Between two looks, so how soon a new node is known; a lost link looks at once.
  std::chrono::milliseconds interval{1'000};
};

struct LimitsConfig {
  std::uint64_t sessions_max = 200'000;            ///< Bound sessions on this node.
  std::size_t send_queue_bytes_max = 1024 * 1024;  ///< A session; above it the stream is closed.
  std::size_t stanza_bytes_max = 256 * 1024;       ///< From a client, after login.
  std::size_t login_stanza_bytes_max = 10'000;     ///< From a client, before login.
  Rate login_rate{2'000};                          ///< Above it logins wait.
  std::size_t resources_max = 10;                  ///< Sessions an account, with a stream.
  std::chrono::milliseconds resume_time{600'000};  ///< Without one, kept for the client; 0: none.
  std::chrono::milliseconds login_token_time = std::chrono::days(30);  ///< 0: no tokens.
  std::size_t roster_items_max = 1'000;                                ///< Contacts of an account.
  std::size_t roster_requests_max = 200;            ///< Contacts that wait for its answer.
  std::size_t blocked_jids_max = 1'000;             ///< JIDs that an account blocks.
  std::chrono::milliseconds login_timeout{60'000};  ///< Accept to bound session.
  std::chrono::milliseconds tls_handshake_timeout{10'000};
  std::chrono::milliseconds close_timeout{5'000};   ///< For the peer's `</stream:stream>`.
  std::chrono::milliseconds write_timeout{60'000};  ///< No progress in writing: closed.
};

struct OfflineConfig {
  std::size_t messages_max = 100;       ///< Stored an account; then the sender is told.
  std::size_t bytes_max = 1024 * 1024;  ///< The same.
};

struct ArchiveConfig {
  bool enabled = true;         ///< Messages are kept for both people's clients (XEP-0313).
  std::size_t page_max = 100;  ///< Messages in one answer, whatever a client asks for.

  /// Older messages are deleted; 0 keeps all.
  std::chrono::milliseconds expire_after{0};
};

struct DrainConfig {
  /// Readiness is off for so long before the first stream is ended; longer than the balancer's
  /// check interval × failures.
  std::chrono::milliseconds notice{5'000};
  Rate rate{500};                              ///< Streams ended, or handed over, in a second.
  std::chrono::milliseconds deadline{60'000};  ///< After `notice`; then the process exits with 75.
};

struct C2sConfig {
  bool tls_required = true;  ///< Refuses logins before STARTTLS.

  /// In the order offered. The -PLUS forms are offered only over TLS.
  std::vector<std::string> mechanisms = {"SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "SCRAM-SHA-1-PLUS",
                                         "SCRAM-SHA-1", "PLAIN"};

  /// A session silent for so long is asked for a sign of life (XEP-0199); 0 never asks.
  std::chrono::milliseconds ping_interval{180'000};
  std::chrono::milliseconds ping_timeout{30'000};  ///< No sign by then: the session is dead.
};

struct RegisterConfig {
  bool enabled = false;  ///< In-band registration (XEP-0077).
};

struct AdminConfig {
  /// Holds the admin API's token; made on first start, readable by this user only, if absent.
  std::string token_file = "meerkat-admin.token";
};

/// What a node is told. `load_config()` makes it, checked as a whole; nothing else in the server
/// reads the file, the flags or the environment. Paths are relative to the working directory of
/// the process, or absolute.
///
/// A field that is added here gets one row in option_table.cc, which makes its flag, its line of
/// `--help`, its place in the file and its entry in docs/configuration.md.
struct Config {
  std::vector<std::string> domains = {"localhost"};  ///< Served here; the first is the main one.
  std::size_t loops = 0;                             ///< Event loops; 0 is one for two cores.
  NodeConfig node;
  TlsConfig tls;
  LogConfig log;
  ListenConfig listen;
  PeersConfig peers;
  std::optional<MysqlConfig> mysql;
  StorageConfig storage;
  DiscoveryConfig discovery;
  LimitsConfig limits;
  OfflineConfig offline;
  ArchiveConfig archive;
  DrainConfig drain;
  C2sConfig c2s;
  RegisterConfig registration;  ///< `[register]`, which is a word of the language.
  AdminConfig admin;
};

}  // namespace server
