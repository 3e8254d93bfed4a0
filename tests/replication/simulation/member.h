#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "replication/events.h"
#include "replication/node.h"
#include "replication/table.h"
#include "tests/replication/simulation/loop.h"
#include "tests/replication/simulation/model.h"
#include "tests/replication/simulation/network.h"

namespace replication::simulation {

class Member;

/// What members know of each other without the code under test: the truth.
struct Truth {
  struct Message {
    const Member* from = nullptr;
    const Member* to = nullptr;
    int delivered = 0;
    int returned = 0;
  };

  World& world;
  std::vector<std::unique_ptr<Member>> members{};  // All lives that there ever were.
  std::vector<Message> messages{};                 // By serial, from 1.
  std::uint64_t serials = 0;                       // Of values.

  Member* find(const NodeId& id) const;
};

/// One life of one node: a real Node with its tables, a list of what it has written, and a watch on
/// all that it is told. Breaks the world off as soon as something contradicts the truth.
class Member : private Events {
 public:
  struct Table {
    std::string name;
    bool unique = false;
  };

  Member(Truth& truth, Network& network, std::size_t machine, NodeOptions options,
         std::chrono::microseconds pace, const std::vector<Table>& tables);

  /// From here on it also acts from within its handlers: one in so many times.
  void react(std::uint64_t one_in) { react_one_in_ = one_in; }
  ~Member() override;

  // What the application does.
  void start();
  void put(std::size_t table, const Key& key, std::uint64_t stamp, std::uint32_t padding);
  void erase(std::size_t table, const Key& key);
  void send(Member& to, std::uint32_t padding);
  void wait_replicated(std::size_t table, std::chrono::microseconds limit);
  void set_peers(std::vector<PeerAddress> peers) { node_->set_peers(std::move(peers)); }

  // What happens to its process.
  void pause();
  void resume();
  void leave(std::chrono::milliseconds drain);
  void kill();

  std::size_t machine() const { return machine_; }
  const NodeId& id() const { return id_; }
  const std::string& name() const { return name_; }
  PeerAddress address() const;
  bool alive() const { return node_ != nullptr; }
  bool leaving() const { return leaving_; }
  bool left() const { return leaving_ && loop_->finished(); }
  bool paused() const { return loop_->paused(); }
  bool serving() const { return alive() && !leaving_ && !paused(); }
  bool busy_waiting() const { return waits_ != 0; }
  const OwnerLog& log(std::size_t table) const { return logs_[table]; }
  Node& node() { return *node_; }

  /// Holds what readers here see against the truth, at any moment.
  void check();

  /// Nothing, or in what this one has not caught up with the other members yet.
  std::string not_settled();

 private:
  // How this life has been told that another one is.
  struct Sight {
    bool gone = false;
    bool ready = false;
    bool unreachable = false;
    bool lagging = false;
    bool counted = false;  // Waits for replication wait for it.
    bool caught_up_last = false;
    bool begun_anew = false;                  // We send it a snapshot again over the present link.
    std::map<std::size_t, Position> applied;  // By table: the most that it ever had of its log.
  };

  struct Watched {
    Value value;
    std::uint64_t highest = 0;
    bool swept = false;  // Taken away with its owner, so the same may come back.
  };

  using Texts = replication::Table<Key, Value>;

  void peer_connected(const NodeId& id) override;
  void joined(const NodeId& id, const JoinStats& stats) override;
  void peer_unreachable(const NodeId& id, boost::system::error_code why) override;
  void peer_reachable(const NodeId& id) override;
  void peer_relayed(const NodeId& id, const std::string& via) override;
  void peer_gone(const NodeId& id, boost::system::error_code why, std::uint64_t records) override;
  void link_refused(const std::string& who, boost::system::error_code why) override;
  void resync(const NodeId& id, const std::string& table, const std::string& why) override;
  void lagging(const NodeId& id, bool is) override;

  void changed(std::size_t table, const Texts::Change& change);
  void lost(std::size_t table, const Key& key, const Value& ours, NodeRef winner);
  void delivered(NodeRef from, std::string_view payload);
  void returned(NodeRef to, std::string_view payload);
  void replicated(std::size_t table, Position position, boost::system::error_code error,
                  World::Time begun, World::Time deadline);
  void note_counted();
  void note_applied();
  bool reacts() { return react_one_in_ != 0 && !leaving_ && world_.random.one_in(react_one_in_); }
  void check_replica(std::size_t table, const Member& owner);
  void check_bounds();
  std::string not_settled_with(Member& other);
  std::string messages_not_settled() const;
  std::string table_not_settled(std::size_t table);
  Member* of(NodeRef ref) const { return truth_.find(node_->id(ref)); }
  template <class... Parts>
  void broken(const Parts&... parts) {
    std::ostringstream what;
    what << name_ << ": ";
    (what << ... << parts);
    world_.fail(what.str());
  }

  Truth& truth_;
  World& world_;
  const std::size_t machine_;
  const NodeId id_;
  const std::string name_;  // Of this life.
  const NodeOptions options_;
  const std::vector<Table> kinds_;
  const std::shared_ptr<Loop> loop_;
  std::vector<OwnerLog> logs_;
  std::map<const Member*, Sight> sights_;
  std::vector<std::map<const Member*, std::map<Key, Watched>>> watched_;
  std::map<const Member*, std::uint64_t> last_delivered_;
  std::map<const Member*, std::uint64_t> last_returned_;
  std::size_t waits_ = 0;
  std::optional<NodeId> restarted_;         // Who has just been ended because another life came.
  std::optional<World::Time> alone_since_;  // Since when no peer counts for waits.
  bool leaving_ = false;
  std::uint64_t react_one_in_ = 0;
  std::uint16_t port_ = 0;
  std::unique_ptr<Node> node_;
  std::vector<std::unique_ptr<Texts>> texts_;
};

}  // namespace replication::simulation
