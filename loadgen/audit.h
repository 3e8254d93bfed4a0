#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "loadgen/message.h"
#include "loadgen/quantity.h"

namespace loadgen {

/// What became of a stanza. The first is right, the next nine are wrong, the rest is told.
enum class Fate {
  delivered,
  lost,        // The server took it, and it is nowhere: no delivery, no error answer.
  duplicated,  // Twice in one session of the recipient, though sent once.
  reordered,   // Behind a later one of its flow (RFC 6120 §10.1), within one stream of each side.
  altered,     // Body or checksum wrong.
  misdelivered,  // Came to somebody else.
  invented,      // `from` or id is nothing we sent.
  unarchived,    // Not in the archive of one of the two, though the server took it.
  archived_twice,
  archived_late,  // In an archive behind a later one of its flow.
  redelivered,    // Again on a new stream, or after we had sent it again ourselves.
  overtaken,      // Behind a later one that its sender wrote on another stream: allowed, listed.
  unknown,        // Sent, the connection died before it was acknowledged, never seen.
  bounced,        // Came back as an error: a known outcome.
};
constexpr std::size_t fate_count = 14;
std::string_view fate_name(Fate fate);
/// Whether one such stanza fails the run.
bool is_wrong(Fate fate);

/// One stanza whose fate the report lists.
struct Offender {
  Fate fate = Fate::lost;
  std::string id;
  std::string from;
  std::string to;
  std::string node;  // Of the recipient's stream, where there was one.
  Micros at{};       // When it was noticed, from the start of the run.
};

struct AuditCounts {
  std::uint64_t sent = 0;     // Distinct messages handed to a connection.
  std::uint64_t resent = 0;   // Written again after a connection died with them unacknowledged.
  std::uint64_t acked = 0;    // The server said that it took them.
  std::uint64_t foreign = 0;  // Of another run; ignored.
  std::uint64_t fates[fate_count] = {};

  [[nodiscard]] std::uint64_t of(Fate fate) const { return fates[static_cast<int>(fate)]; }
  std::uint64_t& of(Fate fate) { return fates[static_cast<int>(fate)]; }
  void add(const AuditCounts& other);
  /// Sent, and no fate yet.
  [[nodiscard]] std::uint64_t open() const;
  [[nodiscard]] bool wrong() const;
};

/// What the audit asks its owner for an offender's line.
struct AuditNames {
  /// The full or bare JID of a client.
  std::function<std::string(std::uint32_t client)> jid;
  /// The node at which a client's stream ends now, or an empty text.
  std::function<std::string(std::uint32_t client)> node;
};

/// Follows each message from its sender's connection to its fate.
///
/// A flow is one sender and one recipient, with sequence numbers from 0. One byte a message is kept
/// while it may still matter: settled messages leave the front of a flow's window once
/// `window_kept` newer ones are there, so memory follows what is open and not what was sent.
///
/// Threads: none of its own; one owner, who also owns both ends of each flow.
class Audit {
 public:
  /// `run` starts each id. `offenders_max` bounds the list; counting goes on beyond it.
  Audit(std::string run, AuditNames names, std::size_t offenders_max = 200);

  /// Adds a flow and gives its number: 0, 1, 2…, times `flow_step`, plus `flow_first` (so that
  /// several audits of a run share one number space).
  std::uint32_t add_flow(std::uint32_t sender, std::uint32_t recipient);
  void number_flows(std::uint32_t first, std::uint32_t step);

  /// The next message of `flow`: its number is used up.
  MessageKey take_next(std::uint32_t flow);

  /// `key` is written to the sender's connection, for the first time or (`again`) once more.
  void on_written(MessageKey key, bool again);
  /// It is written once more in the session that it was written in, which has been resumed and had
  /// not got it: coming twice, or out of order, is as wrong as if it had been written once.
  void on_written_anew() { ++counts_.resent; }
  /// The server's XEP-0198 count covers it.
  void on_acknowledged(MessageKey key);
  /// Its connection died before the server acknowledged it, and it is not sent again.
  void on_in_doubt(MessageKey key);
  /// The sender of `flow` lost a connection without XEP-0198: whatever it wrote on it and nobody
  /// saw yet is in doubt.
  void on_sender_lost(std::uint32_t flow);
  /// The sender (recipient) of `flow` has a new stream, which is not its former session's.
  void on_sender_stream(std::uint32_t flow);
  void on_recipient_stream(std::uint32_t flow);

  /// What a delivery was worth.
  struct Verdict {
    bool first = false;  // Counts for latency: the first sight of an intact message.
    Micros due{};
    MessageKey key;
  };
  /// A message stanza came to `client`. `from` is as the server stamped it.
  Verdict on_message(std::uint32_t client, std::string_view id, std::string_view from,
                     std::string_view body, Micros now);
  /// A message stanza of type error came back to `client`.
  void on_bounce(std::uint32_t client, std::string_view id, Micros now);

  /// What an archive holds, or lacks: see ArchiveAudit.
  void on_archive_fault(Fate fate, MessageKey key, std::uint32_t owner, Micros now);

  /// After the settle phase: whatever has no fate is lost or unknown. Once.
  void conclude(Micros now);

  [[nodiscard]] const AuditCounts& counts() const { return counts_; }
  [[nodiscard]] const std::vector<Offender>& offenders() const { return offenders_; }
  [[nodiscard]] std::uint32_t sender(std::uint32_t flow) const;
  [[nodiscard]] std::uint32_t recipient(std::uint32_t flow) const;
  [[nodiscard]] const std::string& run() const { return run_; }
  /// How many messages of `flow` have been taken.
  [[nodiscard]] std::uint32_t taken(std::uint32_t flow) const;
  /// Whether the message was written, and once: the server is answerable for it, and for it alone.
  [[nodiscard]] bool is_certain(MessageKey key) const;
  /// Whether `from` is the account of the flow's sender.
  [[nodiscard]] bool is_from_sender(std::uint32_t flow, std::string_view from) const;
  /// Messages of `flow` that were written and have no fate yet.
  [[nodiscard]] std::uint32_t open(std::uint32_t flow) const;
  /// Bytes held for open messages, for the test of the bound.
  [[nodiscard]] std::size_t window_bytes() const;

  static constexpr std::uint32_t window_kept = 256;

 private:
  struct Flow {
    std::uint32_t sender = 0;
    std::uint32_t recipient = 0;
    std::uint32_t base = 0;            // Number of the window's first message; all before: settled.
    std::uint32_t next = 0;            // Number of the next message to take.
    std::uint32_t highest = 0;         // 1 + the highest number seen on this recipient stream.
    std::uint32_t recipient_from = 0;  // `next` when the recipient's stream began.
    std::uint32_t open = 0;
    std::uint8_t recipient_stream = 0;          // Modulo 8.
    std::vector<std::uint32_t> sender_streams;  // `next` at the start of each, but the first.
    std::vector<std::uint8_t> window;           // Bits below, one byte a message from `base`.
    std::vector<std::uint32_t> odd;  // Written again, in doubt, or bounced; few, and kept.
  };

  Flow* find(std::uint32_t flow);
  [[nodiscard]] const Flow& at(std::uint32_t flow) const;
  void settle(Flow& flow);
  void offend(Fate fate, std::string_view id, std::uint32_t from, std::uint32_t to, Micros now);
  void offend(Fate fate, std::string_view id, std::uint32_t from, std::uint32_t to,
              std::string node, Micros now);
  void count_again(Flow& flow, MessageKey key, std::string_view id, Micros now);

  std::string run_;
  AuditNames names_;
  std::size_t offenders_max_;
  std::uint32_t first_ = 0;
  std::uint32_t step_ = 1;
  std::vector<Flow> flows_;
  std::vector<Offender> offenders_;
  AuditCounts counts_;
};

}  // namespace loadgen
