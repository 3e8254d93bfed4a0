#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "loadgen/archive_audit.h"
#include "loadgen/quantity.h"
#include "xmpp/stanza.h"

namespace loadgen {

/// Reads the archives of a shard's clients (XEP-0313) for the audit: a few at a time, page by page.
///
/// A page that is not answered, or with an error, is asked for again, and counts only when it is
/// whole: a client may lose its connection meanwhile.
///
/// Threads: its owner's.
class ArchiveReader {
 public:
  class Asker {
   public:
    /// Sends an IQ to the client's own account. False: it is away.
    virtual bool ask(std::uint32_t client, const std::string& iq) = 0;

   protected:
    ~Asker() = default;
  };

  ArchiveReader(Audit& audit, Asker& asker) : audit_(audit), asker_(asker) {}

  /// Begins to read all archives of `owners`; of each what came since then, a time as XEP-0082
  /// writes it. The flows are those from the owner and to it. Once.
  struct Owner {
    std::uint32_t client = 0;
    std::array<std::uint32_t, 2> flows{};
  };
  void begin(std::vector<Owner> owners, std::string since);

  /// Asks for what is due; often.
  void turn(Micros now);

  /// A `<result/>` came to `client`; and an answer to an IQ.
  void on_result(std::uint32_t client, const xmpp::Element& result);
  void on_answer(std::uint32_t client, const xmpp::Stanza& iq, Micros now);

  [[nodiscard]] std::size_t left() const { return waiting_.size() + running_.size(); }
  [[nodiscard]] std::size_t done() const { return done_; }
  [[nodiscard]] std::size_t given_up() const { return given_up_; }
  /// Messages of this run that were met.
  [[nodiscard]] std::uint64_t entries() const { return entries_; }
  /// The condition of the last error that an archive was answered with.
  [[nodiscard]] const std::string& last_error() const { return last_error_; }

 private:
  struct Entry {
    std::string id, from, body;
  };
  struct Reading {
    ArchiveAudit audit;
    std::string query{};  // Names the page that is asked for.
    std::string after{};  // The archive's id of the last message before it.
    std::vector<Entry> page{};
    std::uint32_t asked = 0;
    int tries = 0;
    Micros ask_at{};
  };

  void ask(std::uint32_t client, Reading& reading, Micros now);
  void take_page(std::uint32_t client, Reading& reading, const xmpp::Element& fin, Micros now);

  Audit& audit_;
  Asker& asker_;
  std::string since_;
  std::deque<Owner> waiting_;
  std::map<std::uint32_t, Reading> running_;  // By client.
  std::size_t done_ = 0;
  std::size_t given_up_ = 0;
  std::uint64_t entries_ = 0;
  std::string last_error_;
};

}  // namespace loadgen
