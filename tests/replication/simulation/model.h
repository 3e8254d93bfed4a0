#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "replication/codec.h"
#include "replication/status.h"
#include "replication/wire.h"

namespace replication::simulation {

/// A record: no two writes of a schedule are equal.
struct Value {
  std::uint64_t serial = 0;  // From 1. 0: no record.
  std::uint64_t stamp = 0;   // Of unique tables.
  std::uint32_t padding = 0;

  bool operator==(const Value&) const = default;
};

using Key = std::pair<std::string, std::string>;

/// What a life of a node has written to one table, as a plain list: the truth that replicas are
/// held against.
class OwnerLog {
 public:
  Position head() const { return head_; }

  Position write(const Key& key, const Value& value) {
    keys_[key].push_back({.position = ++head_, .value = value});
    return head_;
  }
  Position erase(const Key& key) { return write(key, {}); }

  /// Serial 0: no record.
  Value at(const Key& key) const;

  /// All records.
  std::map<Key, Value> now() const;

  /// Whether a replica that has applied all up to `applied`, and perhaps some more, may show
  /// `value` at the key.
  bool may_show(const Key& key, Position applied, const Value& value) const;

  /// Whether the key was erased after `value` had been written.
  bool erased_after(const Key& key, const Value& value) const;

 private:
  struct Write {
    Position position = 0;
    Value value;
  };

  Position head_ = 0;
  std::map<Key, std::vector<Write>> keys_;
};

std::string name_of(const Key& key);

}  // namespace replication::simulation

namespace replication {

template <>
struct Codec<simulation::Value> {
  static char filling(const simulation::Value& value) {
    return static_cast<char>('a' + value.serial % 26);
  }
  static void encode(const simulation::Value& value, std::string& out) {
    put_number(value.serial, out);
    put_number(value.stamp, out);
    out.append(value.padding, filling(value));
  }
  // False for bytes that no node has written.
  static bool decode(std::string_view bytes, simulation::Value& value) {
    WireReader reader(bytes);
    value.serial = reader.number<std::uint64_t>();
    value.stamp = reader.number<std::uint64_t>();
    value.padding = static_cast<std::uint32_t>(reader.rest().size());
    return reader.ok() && reader.rest().find_first_not_of(filling(value)) == std::string_view::npos;
  }
  static std::uint64_t stamp(const simulation::Value& value) { return value.stamp; }
};

}  // namespace replication
