#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>

#include "xmpp/stanza.h"

namespace server {

/// The PEP nodes of which a client wants to hear: what its features (XEP-0030) name with `+notify`.
using WantedNodes = std::set<std::string, std::less<>>;

/// What clients of one make want, by the hash that they say in presence (XEP-0115): most clients
/// need not be asked. Shared by the sessions of a node.
///
/// An entry's hash was checked against what the client answered, so that none can lie for others
/// (hardening S19).
///
/// Threads: [any loop].
class CapsCache {
 public:
  std::shared_ptr<const WantedNodes> find(const std::string& key) const;
  void add(const std::string& key, std::shared_ptr<const WantedNodes> wanted);

 private:
  static constexpr std::size_t entries_max = 10'000;

  mutable std::mutex mutex_;
  std::unordered_map<std::string, std::shared_ptr<const WantedNodes>> entries_;
};

/// Whether `query`, an answer of disco#info, is what `ver` says with the algorithm `hash` (XEP-0115
/// §5.4).
bool has_verification_string(xmpp::Element query, std::string_view hash, std::string_view ver);

/// Of which PEP nodes one session's client wants to hear (XEP-0163 §4.3, XEP-0060 §6.1.4 by caps).
///
/// Threads: lives on its session's loop.
class NotifyFilter {
 public:
  explicit NotifyFilter(CapsCache& cache) : cache_(cache) {}

  /// Presence that the client sent, with `from`. Returns the iq to ask it, if its caps are not
  /// known.
  std::optional<std::string> on_presence(const xmpp::Stanza& presence);

  /// Whether the last presence changed what is wanted.
  bool has_changed() const { return has_changed_; }

  /// An iq of type `result` or `error` that the client sent. Whether it answers our question, and
  /// so may have changed what is wanted.
  bool on_answer(const xmpp::Stanza& iq);

  bool wants(std::string_view node) const { return wanted_ && wanted_->contains(node); }
  bool wants_anything() const { return wanted_ && !wanted_->empty(); }

 private:
  CapsCache& cache_;
  std::shared_ptr<const WantedNodes> wanted_;
  std::string hash_, ver_;   // As last said in presence.
  std::string question_id_;  // Empty: none is out.
  bool has_changed_ = false;
};

}  // namespace server
