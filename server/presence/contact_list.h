#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "server/roster/roster.h"

namespace server {

/// Of a roster, what presence needs while its account is logged in: who sees whom. Kept as one
/// text, as there is one a session: a hundred contacts take about 2.5 KB, none take nothing.
class ContactList {
 public:
  struct Contact {
    std::string_view jid;  ///< Bare.
    bool to = false;       ///< We see its presence.
    bool from = false;     ///< It sees ours.
  };

  ContactList() = default;
  explicit ContactList(const Roster& roster);

  /// Calls `visit(Contact)` for each contact that sees us, or that we see.
  template <class Visit>
  void for_each(Visit visit) const {
    for (std::size_t at = 0; at < packed_.size();) {
      const Contact contact = read(at);
      at += entry_bytes(contact.jid);
      visit(contact);
    }
  }

  /// Neither sees the other when it is not there.
  Contact find(std::string_view jid) const;

  void set(const Contact& contact);

  /// As a text from which another node makes the same list; empty contacts are an empty text.
  const std::string& packed() const { return packed_; }
  static ContactList unpacked(std::string_view packed);

 private:
  // An entry, which also goes from node to node: flags u8 (1: to, 2: from), size of the JID u16,
  // the JID.
  static std::size_t entry_bytes(std::string_view jid) { return 3 + jid.size(); }
  Contact read(std::size_t at) const;
  void append(const Contact& contact);

  std::string packed_;
};

}  // namespace server
