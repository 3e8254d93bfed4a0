#include "server/presence/contact_list.h"

namespace server {

ContactList::ContactList(const Roster& roster) {
  std::size_t bytes = 0;
  for (const RosterItem& item : roster.items()) {
    if (item.subscription.to == Half::active || item.subscription.from == Half::active) {
      bytes += entry_bytes(item.contact);
    }
  }
  packed_.reserve(bytes);
  for (const RosterItem& item : roster.items()) {
    append({item.contact, item.subscription.to == Half::active,
            item.subscription.from == Half::active});
  }
}

ContactList ContactList::unpacked(std::string_view packed) {
  ContactList list;
  while (packed.size() > 3) {
    const auto byte = [packed](std::size_t at) {
      return static_cast<std::size_t>(static_cast<unsigned char>(packed[at]));
    };
    const std::size_t size = byte(1) | byte(2) << 8;
    if (packed.size() < 3 + size) break;
    list.append({packed.substr(3, size), (byte(0) & 1) != 0, (byte(0) & 2) != 0});
    packed.remove_prefix(3 + size);
  }
  return list;
}

ContactList::Contact ContactList::read(std::size_t at) const {
  const auto byte = [this](std::size_t where) {
    return static_cast<std::size_t>(static_cast<unsigned char>(packed_[where]));
  };
  const std::size_t size = byte(at + 1) | byte(at + 2) << 8;
  return {std::string_view(packed_).substr(at + 3, size), (byte(at) & 1) != 0, (byte(at) & 2) != 0};
}

void ContactList::append(const Contact& contact) {
  if (!contact.to && !contact.from) return;
  packed_ += static_cast<char>((contact.to ? 1 : 0) | (contact.from ? 2 : 0));
  packed_ += static_cast<char>(contact.jid.size() & 0xff);
  packed_ += static_cast<char>(contact.jid.size() >> 8);
  packed_ += contact.jid;
}

ContactList::Contact ContactList::find(std::string_view jid) const {
  Contact found{jid};
  for_each([&](const Contact& contact) {
    if (contact.jid == jid) found = contact;
  });
  return found;
}

void ContactList::set(const Contact& contact) {
  for (std::size_t at = 0; at < packed_.size();) {
    const Contact other = read(at);
    const std::size_t bytes = entry_bytes(other.jid);
    if (other.jid == contact.jid) {
      packed_.erase(at, bytes);
      break;
    }
    at += bytes;
  }
  append(contact);
}

}  // namespace server
