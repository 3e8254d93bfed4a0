#pragma once

#include <cstddef>
#include <list>

#include "replication/carrier.h"

namespace replication {

/// The tunnels that go through this node: what comes from one link goes out on another.
///
/// It reads nothing of what passes. It holds at most a window a direction: one more byte is only
/// let in when the far end has taken one.
///
/// Threads: the link thread. Outlives the carriers, or is empty when it ends.
class Relay {
 public:
  explicit Relay(std::size_t tunnels_max) : tunnels_max_(tunnels_max) {}
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;

  /// Lets the tunnel that `from` was asked for go on over `to`, or closes it with the reason.
  void pass(Carrier& from, TunnelId tunnel, Carrier& to, const NodeId& origin);

  /// Closes all, in both directions.
  void close_all(boost::system::error_code why);

  std::size_t tunnels() const { return passages_.size(); }
  std::size_t tunnels(const Carrier& carrier) const;

 private:
  class Passage;

  // One direction's end, and where it leads.
  struct Side : TunnelEnd {
    void tunnel_data(std::string_view bytes) override;
    void tunnel_credit(std::size_t bytes) override;
    void tunnel_closed(boost::system::error_code why) override;

    Relay* relay = nullptr;
    std::list<Passage>::iterator passage;
    Carrier* carrier = nullptr;
    TunnelId tunnel = 0;
    Side* other = nullptr;
  };

  class Passage {
   public:
    Side from;
    Side to;
  };

  const std::size_t tunnels_max_;
  std::list<Passage> passages_;
};

}  // namespace replication
