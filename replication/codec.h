#pragma once

#include <string>
#include <string_view>
#include <utility>

namespace replication {

/// How a record becomes bytes. Specialise it for each record type:
///
///     static void encode(const T& value, std::string& out);        // appends
///     static bool decode(std::string_view bytes, T& value);        // false: not a T
///     static std::uint64_t stamp(const T& value);                  // only for unique tables
///
/// `decode` must accept (and ignore) bytes behind those it knows: a newer release may have appended
/// a field. It is never given more than a peer of this cluster sent, and must not trust it.
template <class T>
struct Codec;

template <>
struct Codec<std::string> {
  static void encode(const std::string& value, std::string& out) { out += value; }
  static bool decode(std::string_view bytes, std::string& value) {
    value.assign(bytes);
    return true;
  }
};

/// How a key becomes bytes: a group, which can be looked up as a whole, and a member in it. A bare
/// JID and a resource, for instance. A plain string is a group with one member of no name.
///
///     static void encode(const Key& key, std::string& group, std::string& member);   // appends
///     static bool decode(std::string_view group, std::string_view member, Key& key);
template <class Key>
struct KeyCodec;

template <>
struct KeyCodec<std::string> {
  static void encode(const std::string& key, std::string& group, std::string&) { group += key; }
  static bool decode(std::string_view group, std::string_view, std::string& key) {
    key.assign(group);
    return true;
  }
};

template <>
struct KeyCodec<std::pair<std::string, std::string>> {
  using Key = std::pair<std::string, std::string>;
  static void encode(const Key& key, std::string& group, std::string& member) {
    group += key.first;
    member += key.second;
  }
  static bool decode(std::string_view group, std::string_view member, Key& key) {
    key.first.assign(group);
    key.second.assign(member);
    return true;
  }
};

}  // namespace replication
