#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>

namespace server {

/// A count that one loop writes and any thread reads: a plain add, no locked instruction.
class LoopCounter {
 public:
  /// [its loop]
  void add(std::uint64_t amount = 1) {
    value_.store(value_.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
  }

  /// [any loop]
  std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_ = 0;
};

/// A level that one loop raises and lowers and any thread reads: plain adds here, too.
class LoopLevel {
 public:
  /// [its loop]
  void raise(std::size_t amount) { change(static_cast<std::int64_t>(amount)); }
  void lower(std::size_t amount) { change(-static_cast<std::int64_t>(amount)); }

  /// [any loop]
  std::int64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  void change(std::int64_t amount) {
    value_.store(value_.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
  }

  std::atomic<std::int64_t> value_ = 0;
};

/// A count for each of a fixed list of label values, the last of which stands for all others, so
/// that no input can make up new ones.
template <const auto& names>
class LabelledCounter {
 public:
  /// [its loop] By name: a scan of the list, for what is not on every stanza's way.
  void add(std::string_view name, std::uint64_t amount = 1) {
    std::size_t at = 0;
    while (at + 1 < names.size() && names[at] != name) ++at;
    counts_[at].add(amount);
  }

  /// [its loop] By an enum whose values are the positions in the list.
  template <class Position>
    requires std::is_enum_v<Position>
  void add(Position position, std::uint64_t amount = 1) {
    counts_[static_cast<std::size_t>(position)].add(amount);
  }

  static constexpr const auto& labels() { return names; }
  std::uint64_t value(std::size_t at) const { return counts_[at].value(); }

 private:
  std::array<LoopCounter, names.size()> counts_;
};

/// Durations in buckets whose upper bounds, in seconds, are `bounds`.
template <const auto& bounds>
class LoopHistogram {
 public:
  /// [its loop]
  void observe(std::chrono::duration<double> taken) {
    std::size_t at = 0;
    while (at < bounds.size() && taken.count() > bounds[at]) ++at;
    buckets_[at].add();
    sum_.store(sum_.load(std::memory_order_relaxed) + taken.count(), std::memory_order_relaxed);
  }

  static constexpr const auto& upper_bounds() { return bounds; }
  std::uint64_t bucket(std::size_t at) const { return buckets_[at].value(); }
  double sum() const { return sum_.load(std::memory_order_relaxed); }

 private:
  std::array<LoopCounter, bounds.size() + 1> buckets_;  // The last has no upper bound.
  std::atomic<double> sum_ = 0;
};

enum class StanzaKind { message, presence, iq };
inline constexpr std::array<std::string_view, 3> stanza_kinds = {"message", "presence", "iq"};

/// To a session of this node; to the link with a session's node; to nobody.
enum class RouteScope { local, remote, offline };
inline constexpr std::array<std::string_view, 3> route_scopes = {"local", "remote", "offline"};

/// How a login ended: `ok`, a SASL condition (RFC 6120 §6.5), or what came before or after SASL.
inline constexpr std::array<std::string_view, 14> login_reasons = {"ok",
                                                                   "aborted",
                                                                   "account-disabled",
                                                                   "credentials-expired",
                                                                   "encryption-required",
                                                                   "incorrect-encoding",
                                                                   "invalid-authzid",
                                                                   "invalid-mechanism",
                                                                   "malformed-request",
                                                                   "mechanism-too-weak",
                                                                   "not-authorized",
                                                                   "temporary-auth-failure",
                                                                   "timeout",
                                                                   "other"};

/// `closed` is the client's own end, `lost` a connection that broke; the others are the stream
/// errors of RFC 6120 §4.9.3, as sent.
inline constexpr std::array<std::string_view, 29> close_reasons = {"closed",
                                                                   "lost",
                                                                   "bad-format",
                                                                   "bad-namespace-prefix",
                                                                   "conflict",
                                                                   "connection-timeout",
                                                                   "host-gone",
                                                                   "host-unknown",
                                                                   "improper-addressing",
                                                                   "internal-server-error",
                                                                   "invalid-from",
                                                                   "invalid-namespace",
                                                                   "invalid-xml",
                                                                   "not-authorized",
                                                                   "not-well-formed",
                                                                   "policy-violation",
                                                                   "remote-connection-failed",
                                                                   "reset",
                                                                   "resource-constraint",
                                                                   "restricted-xml",
                                                                   "see-other-host",
                                                                   "system-shutdown",
                                                                   "undefined-condition",
                                                                   "unsupported-encoding",
                                                                   "unsupported-feature",
                                                                   "unsupported-stanza-type",
                                                                   "unsupported-version",
                                                                   "refused",
                                                                   "other"};

/// RFC 6120 §8.3.3.
inline constexpr std::array<std::string_view, 23> bounce_conditions = {"bad-request",
                                                                       "conflict",
                                                                       "feature-not-implemented",
                                                                       "forbidden",
                                                                       "gone",
                                                                       "internal-server-error",
                                                                       "item-not-found",
                                                                       "jid-malformed",
                                                                       "not-acceptable",
                                                                       "not-allowed",
                                                                       "not-authorized",
                                                                       "policy-violation",
                                                                       "recipient-unavailable",
                                                                       "redirect",
                                                                       "registration-required",
                                                                       "remote-server-not-found",
                                                                       "remote-server-timeout",
                                                                       "resource-constraint",
                                                                       "service-unavailable",
                                                                       "subscription-required",
                                                                       "undefined-condition",
                                                                       "unexpected-request",
                                                                       "other"};

inline constexpr std::array<std::string_view, 5> drop_reasons = {
    "no-recipient", "blocked", "mailbox-full", "invalid-from-peer", "other"};

/// What happens to messages in the offline store.
enum class OfflineEvent {
  stored,     ///< Nobody was there to have it.
  spooled,    ///< No client had acknowledged it within a second.
  delivered,  ///< A client has it.
  refused,    ///< The account is full, or does not exist.
  failed,     ///< The database was away.
  unreadable  ///< What was stored is no message.
};
inline constexpr std::array<std::string_view, 6> offline_events = {
    "stored", "spooled", "delivered", "refused", "failed", "unreadable"};

/// How a client's wish to resume its session ended (XEP-0198 §5).
enum class Resumption {
  same_node,   ///< It was on this node.
  other_node,  ///< It came from another one.
  failed       ///< There is no such session, or it is not this client's.
};
inline constexpr std::array<std::string_view, 3> resumptions = {"same_node", "other_node",
                                                                "failed"};

/// A message between two cores takes tens of microseconds, a stalled one seconds.
inline constexpr std::array<double, 14> short_bounds = {
    0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5};

/// TLS and SCRAM take milliseconds, a login storm tens of seconds.
inline constexpr std::array<double, 12> long_bounds = {0.005, 0.01, 0.025, 0.05, 0.1, 0.25,
                                                       0.5,   1,    2.5,   5,    10,  60};

/// What one loop counts. Each loop has its own block on its own cache lines and is the only one to
/// write it; a scrape adds the blocks up. It must outlive the Metrics that it was added to.
struct alignas(64) LoopCounters {
  LabelledCounter<stanza_kinds> stanzas_received;
  LabelledCounter<stanza_kinds> stanzas_sent;
  LoopCounter stream_received_bytes;
  LoopCounter stream_sent_bytes;
  LoopLevel send_queue_bytes;
  LoopLevel unacknowledged_stanzas;
  std::array<LoopHistogram<short_bounds>, 3> route_duration;  ///< By RouteScope.
  LabelledCounter<bounce_conditions> stanzas_bounced;
  LabelledCounter<drop_reasons> stanzas_dropped;
  LabelledCounter<offline_events> offline_messages;
  LoopHistogram<short_bounds> archive_write_duration;
  LoopLevel archive_queue_records;
  LoopCounter archived_messages;
  LoopCounter archive_unreadable;
  LoopCounter archive_tombstones;
  LoopCounter archive_expired_messages;
  LoopCounter archive_expiry_accounts;
  LabelledCounter<login_reasons> logins;
  LoopHistogram<long_bounds> login_duration;
  LabelledCounter<close_reasons> streams_closed;
  LoopHistogram<short_bounds> loop_lag;
  LabelledCounter<resumptions> resumes;
  LoopLevel sessions_detached;  ///< Without a stream, kept for their clients or on their way.
  LoopCounter sessions_drained;
  LoopCounter sessions_handed_over;  ///< To another node, by a drain.

  /// [its loop] When the bytes were read that are being worked on: one look at the clock a read,
  /// from which route_duration is measured.
  std::chrono::steady_clock::time_point read_at;

  /// [its loop] A stanza read at `since` has come to where its way ends. What the server itself
  /// made, or got from another node, has no `since` and is not measured.
  void observe_route(RouteScope scope, std::chrono::steady_clock::time_point since) {
    if (since == std::chrono::steady_clock::time_point()) return;
    route_duration[static_cast<std::size_t>(scope)].observe(std::chrono::steady_clock::now() -
                                                            since);
  }
};

}  // namespace server
