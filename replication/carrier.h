#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "replication/error.h"
#include "replication/frame.h"
#include "replication/hello.h"
#include "replication/node_id.h"
#include "replication/relay_frames.h"

namespace replication {

class Outflow;

/// What a tunnel does at this node: it ends here (TunnelConnection), or goes on over another link
/// (Relay). Called from inside Carrier::take() and Carrier::end().
class TunnelEnd {
 public:
  virtual ~TunnelEnd() = default;

  /// Bytes from the other end. Carrier::grant() lets so many more come, once they are taken.
  virtual void tunnel_data(std::string_view bytes) = 0;

  /// The other end has taken so many bytes: there is room for as many.
  virtual void tunnel_credit(std::size_t bytes) = 0;

  /// The tunnel is no more, and nor is its number. The last call.
  virtual void tunnel_closed(boost::system::error_code why) = 0;
};

class Carrier;

/// Who decides about tunnels. Called from inside Carrier::take().
class CarrierHost {
 public:
  virtual ~CarrierHost() = default;

  /// All that the peer reaches by direct links. That it says so means that it knows tunnels.
  virtual void peer_reaches(Reach reach) = 0;

  /// The peer asks for a tunnel to `target` (incarnation 0: whichever lives), or offers one from
  /// `origin` to this node. The host calls attach() or close(), now.
  virtual void tunnel_asked(TunnelId tunnel, const NodeId& target) = 0;
  virtual void tunnel_offered(TunnelId tunnel, const NodeId& origin) = 0;

  /// There is something to send.
  virtual void carrier_wake() = 0;
};

/// The tunnels over one direct link: their numbers, their windows, and their turns on it.
///
/// A tunnel is the byte stream that an ordinary link runs on where two nodes cannot reach each
/// other but a third, the relay, reaches both. It is carried by the link of the one to the relay
/// and by that of the relay to the other. At most a window is under way in each direction, so that
/// is the most that a relay holds for it; both sides of a carrying link keep the account, and one
/// that oversteps it loses the link.
///
/// Threads: the link thread.
/// Design: docs/design/0008-relay.md
class Carrier {
 public:
  /// Tunnels on one link, whoever asked for them.
  static constexpr std::size_t tunnels_max = 128;

  /// `role` is this node's on the link.
  Carrier(CarrierHost& host, Outflow& outflow, Role role);
  Carrier(const Carrier&) = delete;
  Carrier& operator=(const Carrier&) = delete;

  /// Errors: bad_frame, unknown_tunnel, over_window. The link must then close.
  boost::system::error_code take(const Frame& frame);

  /// Appends the turn of one tunnel, up to about `bytes_max`; false: none has anything to send.
  bool fill(std::size_t bytes_max, std::string& out);

  void announce(const Reach& reach);

  /// Asks the peer for a tunnel to `target`, or offers it one from `origin`. 0: there are too many,
  /// or the link is lost.
  TunnelId open(const NodeId& target, TunnelEnd& end);
  TunnelId offer(const NodeId& origin, TunnelEnd& end);

  /// Takes a tunnel that was asked for or offered.
  void attach(TunnelId tunnel, TunnelEnd& end);

  /// How many bytes may be sent now.
  std::size_t room(TunnelId tunnel) const;

  /// At most room() bytes.
  void send(TunnelId tunnel, std::string_view bytes);

  /// As many bytes as were received have been taken.
  void grant(TunnelId tunnel, std::size_t bytes);

  /// Ends the tunnel behind what was sent; its end is not called any more. Success: all was said.
  void close(TunnelId tunnel, boost::system::error_code why);

  /// The link is lost, and its tunnels with it: their ends are told `no_route`.
  void end();

  /// Of all kinds, with those that are closed but have not sent all yet.
  std::size_t tunnels() const { return tunnels_.size(); }

  bool idle() const { return queued_bytes_ == 0; }
  std::size_t queued_bytes() const { return queued_bytes_; }

  /// What has been sent of tunnels of other nodes; they count it.
  std::uint64_t relayed_bytes() const { return relayed_bytes_; }
  void count_relayed(std::size_t bytes) { relayed_bytes_ += bytes; }

 private:
  struct Tunnel {
    TunnelEnd* end = nullptr;  // Null: closed on this side, what is queued is still sent.
    std::string queue;         // Not sent yet.
    std::size_t sent = 0;      // Not known to be taken by the other end.
    std::size_t granted = relay_window_bytes;  // What may yet come.
    boost::system::error_code why;             // Of closing.
  };
  using Tunnels = std::map<TunnelId, Tunnel>;

  TunnelId begin(FrameKind kind, const NodeId& node, TunnelEnd& end);
  boost::system::error_code take_request(const Frame& frame);
  boost::system::error_code take_data(std::string_view body);
  boost::system::error_code take_credit(std::string_view body);
  boost::system::error_code take_close(std::string_view body);
  boost::system::error_code absent(TunnelId tunnel) const;
  void drop(Tunnels::iterator tunnel);

  CarrierHost& host_;
  Outflow& outflow_;
  TunnelId next_;        // Of those that this side begins.
  TunnelId theirs_ = 0;  // The last that the other side began.
  Tunnels tunnels_;
  TunnelId turn_ = 0;  // The last that had its turn.
  std::size_t queued_bytes_ = 0;
  std::uint64_t relayed_bytes_ = 0;
  bool ended_ = false;
};

}  // namespace replication
