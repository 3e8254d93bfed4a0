#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "tools/cluster/fault.h"
#include "tools/cluster/state.h"

namespace cluster {

namespace asio = boost::asio;

/// Stands on the address where each node is dialled by its peers, and passes the bytes on to where
/// it really listens, so that the path between two nodes can be cut without root.
///
/// A path that is cut passes nothing and ends nothing, as a network that drops packets: what was
/// under way arrives when it is healed. A connection's nodes are told by the processes that hold
/// it; one from elsewhere is never cut. Only a node that has ended is refused past a cut, as its
/// gate closes with it.
///
/// Threads: lives on the loop it is given.
class Gates {
 public:
  using Path = std::pair<std::string, std::string>;  ///< Two nodes, the lesser name first.

  /// `record` tells the nodes' processes and ports, and must live as long.
  Gates(asio::io_context& loop, const ClusterRecord& record);
  ~Gates();

  /// Takes connections for `node`, whose process has just been started. Errors: the port is taken.
  Result<void> open(const NodeRecord& node);

  /// Refuses connections for `node` from now on: its process has ended.
  void close(const std::string& node);

  /// Errors: no such nodes, or one and the same.
  Result<void> cut(const std::string& a, const std::string& b);

  /// Heals what is cut between the two, or everywhere when both are empty. Errors: as cut(), and
  /// when it was not cut.
  Result<void> heal(const std::string& a, const std::string& b);

  [[nodiscard]] const std::set<Path>& cuts() const { return cuts_; }

 private:
  struct Gate;
  struct Passage;

  [[nodiscard]] Result<Path> path_between(const std::string& a, const std::string& b) const;
  [[nodiscard]] std::optional<std::string> dialler(const asio::ip::tcp::socket& accepted) const;
  [[nodiscard]] std::shared_ptr<Passage> passage_of(const Gate& gate,
                                                    asio::ip::tcp::socket dialled) const;
  asio::awaitable<void> pass(std::shared_ptr<Passage> passage);
  asio::awaitable<void> until_whole(std::optional<Path> path);

  asio::io_context& loop_;
  const ClusterRecord& record_;
  std::map<std::string, std::shared_ptr<Gate>> gates_;
  std::set<Path> cuts_;
  asio::steady_timer healed_;  // Cancelled at each heal.
};

}  // namespace cluster
