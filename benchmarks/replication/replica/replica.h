#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "benchmarks/replication/replica/line.h"
#include "benchmarks/replication/replica/listing.h"
#include "benchmarks/replication/replica/load.h"
#include "benchmarks/replication/replica/round_trip.h"
#include "discovery/mysql_backend.h"
#include "replication/events.h"
#include "replication/guarded.h"
#include "replication/node.h"
#include "replication/table.h"

namespace benchmarks {

namespace asio = boost::asio;

/// Whose thread runs the node's links.
enum class NodeThread {
  own,          ///< The node's: the default of the library.
  application,  ///< The loop of the callers that are coroutines.
};

/// One node with one table of sessions that does what lines of text say; see README.md for them.
///
/// Threads: obey() from one thread; `say` is called from others, too.
class Replica {
 public:
  using Say = std::function<void(const std::string& line)>;

  Replica(replication::NodeOptions options, replication::TableOptions table_options,
          std::size_t encoded_bytes, NodeThread node_thread, Say say);
  ~Replica();
  Replica(const Replica&) = delete;
  Replica& operator=(const Replica&) = delete;

  /// Listens; the port to tell others, or what the system says against it.
  replication::Result<std::uint16_t> start();

  /// Once started: from here on a registry says who the peers are, not the command.
  void list_in(const discovery::MysqlAddress& registry, std::chrono::milliseconds lease);

  /// What is answered to the command: "ok name=value …" or "error why".
  std::string obey(std::string_view line);

  /// The node has left, by command.
  bool has_left() const { return left_; }

 private:
  class Reporter : public replication::Events {
   public:
    Reporter(Say say, Replica& replica) : say_(std::move(say)), replica_(replica) {}
    void peer_connected(const replication::NodeId& id) override;
    void joined(const replication::NodeId& id, const replication::JoinStats& stats) override;
    void peer_unreachable(const replication::NodeId& id, boost::system::error_code why) override;
    void peer_reachable(const replication::NodeId& id) override;
    void peer_relayed(const replication::NodeId& id, const std::string& via) override;
    void peer_gone(const replication::NodeId& id, boost::system::error_code why,
                   std::uint64_t records) override;
    void link_refused(const std::string& who, boost::system::error_code why) override;
    void resync(const replication::NodeId& id, const std::string& table,
                const std::string& why) override;
    void lagging(const replication::NodeId& id, bool is) override;

   private:
    void tell(const std::string& what, const std::string& who, const std::string& more = {});
    Say say_;
    Replica& replica_;
  };

  struct Command {
    std::string_view name;
    std::string (Replica::*obey)(Words&);
  };
  static const std::vector<Command>& commands();

  std::string peers(Words& words);
  std::string joined(Words& words);
  std::string put(Words& words);
  std::string erase(Words& words);
  std::string acknowledged(Words& words);
  std::string coroutines(Words& words);
  std::string replicated(Words& words);
  std::string one_by_one(Words& words);
  std::string windowed(Words& words);
  std::string find(Words& words);
  std::string count(Words& words);
  std::string digest(Words& words);
  std::string until_digest(Words& words);
  std::string until_records(Words& words);
  std::string until_state(Words& words);
  std::string peer(Words& words);
  std::string stats(Words& words);
  std::string reset_peak(Words& words);
  std::string writer(Words& words);
  std::string reader(Words& words);
  std::string echo(Words& words);
  std::string round_trip(Words& words);
  std::string registry(Words& words);
  std::string leave(Words& words);

  struct LoopCallers;
  asio::awaitable<void> call(LoopCallers& callers);
  void nudge_listing();
  std::optional<replication::NodeRef> owner(const std::string& name) const;
  std::optional<replication::PeerStatus> status_of(const std::string& name) const;
  std::string until(double seconds, const std::function<bool()>& holds) const;

  const std::size_t encoded_bytes_;
  const std::string cluster_, host_;
  asio::io_context loop_{1};
  const asio::executor_work_guard<asio::io_context::executor_type> loop_stays_;
  std::thread loop_thread_;
  Reporter events_;
  replication::Node node_;
  Sessions sessions_;
  std::uint64_t serial_ = 0;
  std::unique_ptr<Writer> writer_;
  std::unique_ptr<Reader> reader_;
  std::vector<std::unique_ptr<Echo>> echoes_;
  replication::Guarded<std::unique_ptr<Listing>> listing_;  // Events on the link thread nudge it.
  bool left_ = false;
};

}  // namespace benchmarks
