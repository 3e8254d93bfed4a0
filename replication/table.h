#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "replication/codec.h"
#include "replication/deadline.h"
#include "replication/error.h"
#include "replication/node.h"
#include "replication/node_id.h"
#include "replication/replicated_handler.h"
#include "replication/status.h"
#include "replication/table_core.h"

namespace replication {

/// A named map from Key to Record that every node of the cluster can read from its own memory.
///
/// A record belongs to the node that wrote it (its owner), and only that node changes it. Each node
/// sends the log of its own writes to its peers, so a join needs no lock and a write waits for
/// nobody. When an owner is gone, its records are gone from every replica at once.
///
/// A key is a group and a member (see KeyCodec), so that all records of one group, whoever owns
/// them, are found with one look. Several owners may have a record at the same key, unless the
/// table is `unique`: then readers see the one with the greatest stamp (ties: the greater NodeId),
/// the same on all nodes, and the losing owner's record is erased and handed to on_conflict_lost().
///
/// Threads: members marked [any thread] may be called from any thread. `visit` is called with the
/// lock of one part of the table held for reading: it must not call this table, nor wait.
/// Design: docs/design/0003-owned-records.md
template <class Key, class Record>
class Table {
 public:
  /// A write of another node that has just become visible here.
  struct Change {
    enum class Kind { put, erase } kind;
    NodeRef owner;
    Key key;
    Record record;  ///< put: the new one. erase: the one that was there.
  };

  /// `name` is the same on every node, and no other table of this node has it. Before start() of
  /// the node, which must outlive the table's use.
  Table(Node& node, std::string name, TableOptions options = {})
      : core_(open_table(node.state(), std::move(name), options)) {}

  /// [any thread] Writes this node's record at `key`, over its former one if there was one. Visible
  /// here on return; never waits for a peer. Returns where the write stands in this node's log.
  /// Errors: too_large (key parts over 4 KiB each, record over 256 KiB); nothing was written.
  Result<Position> put(const Key& key, const Record& record) {
    Scratch& scratch = Scratch::of_this_thread();
    KeyCodec<Key>::encode(key, scratch.group, scratch.member);
    if (core_.options().unique) put_stamp(record, scratch.record);
    Codec<Record>::encode(record, scratch.record);
    return core_.put(scratch.group, scratch.member, scratch.record);
  }

  /// [any thread] Removes this node's record at `key`; an absent key is no error.
  Position erase(const Key& key) {
    Scratch& scratch = Scratch::of_this_thread();
    KeyCodec<Key>::encode(key, scratch.group, scratch.member);
    return core_.erase(scratch.group, scratch.member);
  }

  /// [any thread] Calls `visit(NodeRef owner, const Record&)` for each record at `key` whose owner
  /// is alive; at most once in a unique table. Never waits; may trail a peer by one trip, or by
  /// three when the peer writes much.
  template <class Visit>
  void find(const Key& key, Visit visit) const {
    std::string group, member;
    KeyCodec<Key>::encode(key, group, member);
    find(group, member, std::move(visit));
  }

  /// The same for a key as KeyCodec encodes it: makes no key, so it allocates nothing.
  template <class Visit>
  void find(std::string_view group, std::string_view member, Visit visit) const {
    core_.find(group, member, typed(visit));
  }

  /// [any thread] Calls `visit(NodeRef owner, const Key&, const Record&)`, or a `visit` that asks
  /// for no key and saves making it, for each record of the group, as encoded by KeyCodec, whose
  /// owner is alive.
  template <class Visit>
  void find_group(std::string_view group, Visit visit) const {
    core_.find_group(group, typed(visit));
  }

  /// [any thread] Calls `visit(NodeRef owner, const Key&, const Record&)` for each record, part by
  /// part: a record written meanwhile may be seen or not.
  template <class Visit>
  void for_each(Visit visit) const {
    core_.for_each(typed(visit));
  }

  /// [any thread] Records whose owner is alive.
  std::size_t size() const { return core_.size(); }

  /// [any thread] Records of one owner, without counting them one by one.
  std::size_t size(NodeRef owner) const { return core_.digest(owner).records; }

  /// [any thread] A sum over one owner's records that is equal on two nodes when, and (but for one
  /// chance in 2^64) only when, they hold the same ones.
  Digest digest(NodeRef owner) const { return core_.digest(owner); }

  /// [any thread] The position of this node's last write.
  Position position() const { return core_.position(); }

  /// [any thread] Calls `done` on the link thread, in a turn of its own, when every live peer has
  /// applied this node's log up to `position`. A peer that lags more than `NodeOptions::lag_max` is
  /// left out, and reported to Events. Errors: deadline_passed (the write stays and still travels);
  /// stopped, which may come from inside this call. For coroutines: replication/replicated.h.
  void when_replicated(Position position, Deadline deadline, ReplicatedHandler done) {
    core_.when_replicated(position, deadline, std::move(done));
  }

  /// The same, blocking the calling thread, which must not be the link thread.
  Result<void> wait_replicated(Position position, Deadline deadline) {
    return core_.wait_replicated(position, deadline);
  }

  /// Before start(); what it captures must outlive the node's running, not this Table. Calls
  /// `changed(const Change&)` on the link thread for every write of another node, in the order of
  /// that node's log, and with Kind::erase for each record of a node that is gone. After a re-sync
  /// by snapshot, only differences are told, in no order.
  void watch(std::function<void(const Change&)> changed) {
    core_.watch([changed = std::move(changed), core = &core_](bool put, const RecordView& at) {
      Change change{put ? Change::Kind::put : Change::Kind::erase, at.owner, {}, {}};
      if (KeyCodec<Key>::decode(at.group, at.member, change.key) &&
          decode(*core, at, change.record)) {
        changed(change);
      }
    });
  }

  /// Before start(), for unique tables. Calls `lost(const Key&, const Record& ours, NodeRef
  /// winner)` on the link thread when another node's record at `key` has beaten ours, which is
  /// erased.
  void on_conflict_lost(std::function<void(const Key&, const Record&, NodeRef)> lost) {
    core_.on_conflict_lost(
        [lost = std::move(lost), core = &core_](const RecordView& at, NodeRef winner) {
          Key key{};
          Record record{};
          if (KeyCodec<Key>::decode(at.group, at.member, key) && decode(*core, at, record)) {
            lost(key, record, winner);
          }
        });
  }

 private:
  // Where a write is encoded: a thread's writes use the same memory, one after the other.
  struct Scratch {
    std::string group, member, record;

    static Scratch& of_this_thread() {
      thread_local Scratch scratch;
      scratch.group.clear();
      scratch.member.clear();
      scratch.record.clear();
      return scratch;
    }
  };

  static void put_stamp(const Record& record, std::string& bytes) {
    if constexpr (requires { Codec<Record>::stamp(record); }) {
      append_stamp(Codec<Record>::stamp(record), bytes);
    } else {
      append_stamp(0, bytes);  // Without a stamp the greater NodeId wins.
    }
  }

  static bool decode(const TableCore& core, const RecordView& at, Record& record) {
    return Codec<Record>::decode(core.options().unique ? without_stamp(at.record) : at.record,
                                 record);
  }

  template <class Visit>
  auto typed(Visit& visit) const {
    return [this, &visit](const RecordView& at) {
      Record record{};
      if (!decode(core_, at, record)) return;
      if constexpr (std::is_invocable_v<Visit&, NodeRef, const Record&>) {
        visit(at.owner, std::as_const(record));
      } else {
        Key key{};
        if (!KeyCodec<Key>::decode(at.group, at.member, key)) return;
        visit(at.owner, std::as_const(key), std::as_const(record));
      }
    };
  }

  TableCore& core_;
};

}  // namespace replication
