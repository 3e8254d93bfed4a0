#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "xmpp/jid.h"

namespace server {

struct BlockLimits {
  std::size_t jids_max = 1'000;
  std::size_t bytes_max = 64 * 1024;  ///< Of all JIDs: a list is in the memory of every node.
};

/// The JIDs with which an account has nothing to do (XEP-0191): sessions, accounts, domains.
///
/// Versions grow by one with each change. A list that was never changed has version 0; the first
/// change starts at the time, so that a removed and re-made account's lists are newer.
///
/// Threads: a value.
class BlockList {
 public:
  /// The name of the document that an account keeps it in.
  static constexpr const char* document_name = "blocking";

  BlockList() = default;

  /// From what the other object's version() and lines() said.
  BlockList(std::uint64_t version, std::string_view lines) : version_(version), lines_(lines) {}

  /// From what to_string() wrote; empty text is a list that was never changed. Absent when it is
  /// none.
  static std::optional<BlockList> parse(std::string_view text);
  std::string to_string() const;

  std::uint64_t version() const { return version_; }
  std::vector<std::string> jids() const;

  /// The JIDs in their order, each with a line's end.
  std::string_view lines() const { return lines_; }

  bool blocks(const xmpp::Jid& jid) const { return blocks(lines_, jid); }

  /// Whether a list with these lines() has the JID itself, its account or its domain (XEP-0191 §5).
  static bool blocks(std::string_view lines, const xmpp::Jid& jid);

  /// Returns false, and changes nothing, when the list would be too long.
  bool block(const std::vector<std::string>& jids, const BlockLimits& limits);

  /// None means all.
  void unblock(const std::vector<std::string>& jids);

 private:
  void replace(std::string lines);

  std::uint64_t version_ = 0;
  std::string lines_;
};

}  // namespace server
