#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "replication/carrier.h"
#include "replication/environment.h"
#include "replication/error.h"
#include "replication/frame.h"
#include "replication/hello.h"
#include "replication/inflow.h"
#include "replication/link_tls.h"
#include "replication/outflow.h"

namespace replication {

class Link;

/// Who decides about links: the mesh. Called on the link thread.
class LinkHost {
 public:
  virtual ~LinkHost() = default;

  /// The other side has proven itself: may it become this node's link to it?
  virtual boost::system::error_code admit(const Link& link, const Hello& peer) = 0;

  /// The link stands. The host calls establish() or close().
  virtual void proven(const std::shared_ptr<Link>& link) = 0;

  /// The frames of one read have been taken. The host calls pump().
  virtual void received(Link& link) = 0;

  /// What the peer of an established direct link says of tunnels; see CarrierHost.
  virtual void peer_reaches(Link& link, Reach reach) = 0;
  virtual void tunnel_asked(Link& link, TunnelId tunnel, const NodeId& target) = 0;
  virtual void tunnel_offered(Link& link, TunnelId tunnel, const NodeId& origin) = 0;

  /// Once for each link, whoever closed it; never from inside a call to the link.
  virtual void closed(const std::shared_ptr<Link>& link, boost::system::error_code why) = 0;
};

/// One connection to another node, from the first byte to the last: hello, then the flows of
/// frames in both directions. All that gathers while the socket is busy leaves in the next write.
///
/// Threads: the link thread.
class Link : public std::enable_shared_from_this<Link>, private CarrierHost {
 public:
  using Time = Environment::Time;

  /// Without `tls` bytes travel in clear, whoever dials.
  Link(Environment& environment, LinkHost& host, Handshake::Local local,
       std::size_t frame_bytes_max, std::shared_ptr<const LinkTls> tls = {});

  /// Connects to `host`:`port` (a name is looked up) and says hello.
  void dial(const std::string& host, std::uint16_t port);

  /// Says hello through a tunnel that the node `via` relays.
  void dial(std::unique_ptr<Connection> tunnel, std::string via);

  /// Waits for the hello of who connected, directly or, with `via`, through a tunnel.
  void accept(std::unique_ptr<Connection> connection, std::string via = {});

  /// The proven link becomes the one to `peer`.
  void establish(NodeState& node, NodeRef peer);

  /// Starts a write if none is under way and there is something to send.
  void pump();

  /// Sends what is queued, then closes the sending side.
  void finish();

  /// Closes at once, or when `last_words` and what is being written before them are sent.
  void close(boost::system::error_code why, const std::string& last_words = {});

  bool is_closed() const { return closed_; }
  bool established() const { return inflow_.has_value(); }
  bool refused_by_peer() const { return refused_by_peer_; }
  bool connected() const { return connected_; }
  bool dialled_tls() const { return tls_ && role_ == Role::dialler; }
  bool is_tls() const { return !channel_.binding.empty(); }  // Once the handshake has begun.
  Role role() const { return role_; }
  bool is_relayed() const { return !via_.empty(); }
  const std::string& via() const { return via_; }  // The node that relays it; empty: direct.
  const Hello& hello() const { return handshake_.peer(); }
  std::uint16_t protocol() const { return handshake_.protocol(); }
  const std::string& address() const { return address_; }      // Without the port.
  const std::string& peer_name() const { return peer_name_; }  // As dialled, then as proven.
  NodeRef peer() const { return peer_; }
  Inflow& inflow() { return *inflow_; }
  Outflow& outflow() { return *outflow_; }

  /// The tunnels over this link; none before it is established, and on one that is relayed.
  Carrier* carrier() { return carrier_ ? &*carrier_ : nullptr; }
  Time begun() const { return begun_; }

  Time last_heard;  // The mesh may move it, when this node was the one asleep.
  Time last_ping;

 private:
  void use(std::unique_ptr<Connection> connection);
  void on_connected(boost::system::error_code error);
  void read();
  void on_read(boost::system::error_code error, std::size_t size);
  boost::system::error_code take(const Frame& frame, std::string& last_words);
  void send(std::string_view bytes);
  void write();

  void peer_reaches(Reach reach) override { host_.peer_reaches(*this, std::move(reach)); }
  void tunnel_asked(TunnelId tunnel, const NodeId& target) override {
    host_.tunnel_asked(*this, tunnel, target);
  }
  void tunnel_offered(TunnelId tunnel, const NodeId& origin) override {
    host_.tunnel_offered(*this, tunnel, origin);
  }
  void carrier_wake() override { pump(); }

  Environment& environment_;
  LinkHost& host_;
  const std::size_t frame_bytes_max_;
  const std::shared_ptr<const LinkTls> tls_;
  const Role role_;
  std::string peer_name_;
  const Time begun_;
  std::unique_ptr<Connection> connection_;  // From dial() or accept() on.
  Handshake handshake_;
  Channel channel_;
  FrameDecoder decoder_;
  std::string address_;
  NodeRef peer_;
  std::string via_;
  std::optional<Outflow> outflow_;
  std::optional<Carrier> carrier_;
  std::optional<Inflow> inflow_;
  std::vector<char> in_;
  std::string out_;
  std::string queued_;  // Handshake frames; the flows keep their own.
  bool connected_ = false;
  bool heard_ = false;
  bool writing_ = false;
  bool finishing_ = false;
  bool closed_ = false;
  bool refused_by_peer_ = false;
  std::optional<boost::system::error_code> parting_;  // Set: closes once the last words are sent.
};

}  // namespace replication
