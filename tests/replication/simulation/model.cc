#include "tests/replication/simulation/model.h"

#include <algorithm>

namespace replication::simulation {

Value OwnerLog::at(const Key& key) const {
  auto found = keys_.find(key);
  return found == keys_.end() ? Value() : found->second.back().value;
}

std::map<Key, Value> OwnerLog::now() const {
  std::map<Key, Value> records;
  for (const auto& [key, writes] : keys_) {
    if (writes.back().value.serial != 0) records[key] = writes.back().value;
  }
  return records;
}

bool OwnerLog::may_show(const Key& key, Position applied, const Value& value) const {
  auto found = keys_.find(key);
  if (found == keys_.end()) return value.serial == 0;
  Value last;
  for (const Write& write : found->second) {
    if (write.position <= applied) {
      last = write.value;
    } else if (write.value == value) {
      return true;
    }
  }
  return last == value;
}

bool OwnerLog::erased_after(const Key& key, const Value& value) const {
  auto found = keys_.find(key);
  if (found == keys_.end()) return false;
  const auto& writes = found->second;
  auto written = std::find_if(writes.begin(), writes.end(),
                              [&](const Write& write) { return write.value == value; });
  return std::any_of(written, writes.end(),
                     [](const Write& write) { return write.value.serial == 0; });
}

std::string name_of(const Key& key) { return key.first + "/" + key.second; }

}  // namespace replication::simulation
