#pragma once

#include <array>
#include <span>
#include <string_view>

/// The names of all metrics: an interface to dashboards and alerts, described in docs/metrics.md,
/// which a test holds to this list. Seconds, bytes, ratios 0–1; counters end in `_total`; no label
/// holds a JID, an address or a token (hardening H12).
namespace server::metric {

enum class Type { gauge, counter, histogram };

struct Definition {
  std::string_view name;
  Type type;
  std::array<std::string_view, 2> labels;  ///< Empty where there is none.
  std::string_view help;
};

/// The type of a definition is part of its C++ type, so a gauge cannot be counted.
struct Gauge : Definition {
  constexpr Gauge(std::string_view name, std::string_view help, std::string_view label = {},
                  std::string_view label2 = {})
      : Definition{name, Type::gauge, {label, label2}, help} {}
};
struct Counter : Definition {
  constexpr Counter(std::string_view name, std::string_view help, std::string_view label = {},
                    std::string_view label2 = {})
      : Definition{name, Type::counter, {label, label2}, help} {}
};
struct Histogram : Definition {
  constexpr Histogram(std::string_view name, std::string_view help, std::string_view label = {})
      : Definition{name, Type::histogram, {label, {}}, help} {}
};

// Node.
inline constexpr Gauge build_info{"meerkat_build_info", "1, with what was built.", "version",
                                  "commit"};
inline constexpr Gauge node_state{"meerkat_node_state", "1 for the state this node is in.",
                                  "state"};
inline constexpr Gauge start_time{"meerkat_start_time_seconds", "Unix time of this node's start."};
inline constexpr Histogram loop_lag{"meerkat_loop_lag_seconds",
                                    "How late a loop ran what was due, measured once a second."};
inline constexpr Gauge loop_busy_ratio{"meerkat_loop_busy_ratio",
                                       "CPU time of a loop's thread in the last second.", "loop"};
inline constexpr Counter process_cpu{"process_cpu_seconds_total", "CPU time, user and system."};
inline constexpr Gauge process_resident{"process_resident_memory_bytes", "Resident memory."};
inline constexpr Gauge process_virtual{"process_virtual_memory_bytes", "Virtual memory."};
inline constexpr Gauge process_threads{"process_threads", "Threads."};
inline constexpr Gauge process_open_fds{"process_open_fds", "Open file descriptors."};
inline constexpr Gauge process_max_fds{"process_max_fds", "The limit of open file descriptors."};
inline constexpr Gauge process_start{"process_start_time_seconds", "Unix time of process start."};
inline constexpr Counter log_dropped{"meerkat_log_lines_dropped_total", "Log lines not written.",
                                     "reason"};

// Sessions.
inline constexpr Gauge sessions{"meerkat_sessions", "Bound sessions: what scaling goes by.",
                                "transport"};
inline constexpr Gauge sessions_max{"meerkat_sessions_max", "The most sessions this node takes."};
inline constexpr Gauge sessions_resumable{
    "meerkat_sessions_resumable", "Sessions without a stream, kept for their client or moving."};
inline constexpr Counter resumes{"meerkat_resumes_total",
                                 "Wishes of clients to go on with a former session (XEP-0198).",
                                 "result", "where"};
inline constexpr Counter logins{"meerkat_logins_total", "Logins ended, and why.", "result",
                                "reason"};
inline constexpr Histogram login_duration{"meerkat_login_duration_seconds",
                                          "From accept to bound session."};
inline constexpr Counter streams_closed{"meerkat_streams_closed_total",
                                        "Streams ended, by what ended them.", "reason"};

// Stanzas and routing.
inline constexpr Counter stanzas_received{"meerkat_stanzas_received_total", "Stanzas from clients.",
                                          "kind"};
inline constexpr Counter stanzas_sent{"meerkat_stanzas_sent_total", "Stanzas to clients.", "kind"};
inline constexpr Counter stanzas_bounced{"meerkat_stanzas_bounced_total",
                                         "Stanzas answered with an error.", "condition"};
inline constexpr Counter stanzas_dropped{"meerkat_stanzas_dropped_total",
                                         "Stanzas that nobody got, as a rule asks.", "reason"};
inline constexpr Counter offline_messages{
    "meerkat_offline_messages_total",
    "Messages put into the offline store and out of it, and what could not be.", "event"};
inline constexpr Histogram archive_write_duration{
    "meerkat_archive_write_duration_seconds",
    "From a batch of messages' being handed to the database to its being committed."};
inline constexpr Gauge archive_queue_records{
    "meerkat_archive_queue_records",
    "Messages that are not in the archives yet; their senders wait for their acks."};
inline constexpr Counter archived_messages{
    "meerkat_archived_messages_total",
    "Messages written into archives; one between two accounts counts in both."};
inline constexpr Counter archive_tombstones{
    "meerkat_archive_tombstones_total",
    "Archived messages that their senders took back; one between two accounts counts in both."};
inline constexpr Counter archive_expired_messages{
    "meerkat_archive_expired_messages_total",
    "Archived messages that were deleted because they were too old."};
inline constexpr Counter archive_expiry_accounts{
    "meerkat_archive_expiry_accounts_total",
    "Accounts whose archives were looked through for messages that are too old; the node that does "
    "so counts."};
inline constexpr Counter archive_unreadable{
    "meerkat_archive_unreadable_total",
    "Archived messages left out of an answer because what is stored is no message."};
inline constexpr Counter stream_received_bytes{"meerkat_stream_received_bytes_total",
                                               "Bytes of XML from clients, after TLS."};
inline constexpr Counter stream_sent_bytes{"meerkat_stream_sent_bytes_total",
                                           "Bytes of XML to clients, before TLS."};
inline constexpr Gauge send_queue_bytes{"meerkat_send_queue_bytes",
                                        "Bytes for clients that the kernel has not taken yet."};
inline constexpr Gauge unacknowledged_stanzas{"meerkat_unacknowledged_stanzas",
                                              "Stanzas that XEP-0198 clients have not acked yet."};
inline constexpr Histogram route_duration{
    "meerkat_route_duration_seconds",
    "From a client's stanza's read to a session's send queue here (local), to the link with that "
    "session's node (remote), or to nobody (offline); each session counts.",
    "scope"};

// Replication.
inline constexpr Gauge peers{"meerkat_peers", "Peers in each state.", "state"};
inline constexpr Gauge peer_round_trip{"meerkat_peer_round_trip_seconds",
                                       "Last round trip on a link.", "peer"};
inline constexpr Gauge peer_relayed{
    "meerkat_peer_relayed", "1 where the link to a peer goes through another node.", "peer"};
inline constexpr Counter peer_relayed_bytes{
    "meerkat_peer_relayed_bytes_total", "Bytes sent to a peer that were another node's.", "peer"};
inline constexpr Gauge relay_tunnels{"meerkat_relay_tunnels",
                                     "Links of two other nodes that go through this one."};
inline constexpr Gauge peer_tls{"meerkat_peer_tls",
                                "1 while the link with a peer is TLS, 0 if not.", "peer"};
inline constexpr Counter links_refused{
    "meerkat_links_refused_total",
    "Connections between nodes that were turned away, by either side.", "reason"};
inline constexpr Gauge table_records{"meerkat_table_records", "Records of all owners.", "table"};
inline constexpr Gauge peer_backlog{"meerkat_peer_backlog_records",
                                    "Own writes that a peer has not acked.", "peer"};
inline constexpr Gauge peer_lag{"meerkat_peer_lag_seconds",
                                "Age of the oldest own write that a peer has not acked.", "peer"};
inline constexpr Counter joins{"meerkat_joins_total", "Joins with a peer.", "result"};
inline constexpr Histogram join_duration{"meerkat_join_duration_seconds",
                                         "From link up to caught up."};
inline constexpr Counter join_conflicts{
    "meerkat_join_conflicts_total",
    "Own records that gave way to another node's with the same unique key.", "table"};

// Discovery and database.
inline constexpr Gauge leases_live{
    "meerkat_leases_live", "Nodes with a lease when the registry was last read, this one too."};
inline constexpr Counter lease_renewals{"meerkat_lease_renewals_total", "Renewals.", "result"};
inline constexpr Gauge lease_remaining{"meerkat_lease_remaining_seconds",
                                       "Until this node's lease ends."};
inline constexpr Gauge mysql_connections{"meerkat_mysql_connections", "Connections in each state.",
                                         "state"};
inline constexpr Histogram mysql_wait{"meerkat_mysql_wait_duration_seconds",
                                      "How long a call waited for a thread and its connection."};
inline constexpr Histogram mysql_query{
    "meerkat_mysql_query_duration_seconds",
    "How long a call took: of accounts, and of the registry (registry_…).", "statement"};
inline constexpr Counter mysql_errors{
    "meerkat_mysql_errors_total",
    "Calls that the database failed, or that were refused because it is away or too slow.",
    "class"};
inline constexpr Gauge mysql_queue{"meerkat_mysql_queue_jobs",
                                   "Calls waiting for a thread and its connection."};

// Drain.
inline constexpr Gauge drain_phase{
    "meerkat_drain_phase", "1 for the phase a drain is in; all 0 without a drain.", "phase"};
inline constexpr Gauge drain_remaining{"meerkat_drain_sessions_remaining",
                                       "Sessions still here; 0 without a drain."};
inline constexpr Counter drain_moved{
    "meerkat_drain_sessions_moved_total",
    "Streams told to go elsewhere (ended), sessions given to another node as their client did not "
    "come for them (handed_over), and those still here at the deadline (failed).",
    "result"};
inline constexpr Gauge drain_deadline{"meerkat_drain_deadline_remaining_seconds",
                                      "Until the drain's deadline; 0 without a drain."};

/// All of the above, in the order of docs/metrics.md.
std::span<const Definition* const> all();

}  // namespace server::metric
