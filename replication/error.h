#pragma once

#include <boost/system/error_code.hpp>
#include <boost/system/result.hpp>

namespace replication {

/// What can go wrong in this library. The values up to 99 also travel in `refuse` frames
/// (docs/protocol.md) and never change their meaning; a code we do not know reads as `unknown`.
enum class Errc {
  bad_frame = 1,      ///< A peer sent bytes that are no frame, or a frame that may not come now.
  bad_proof = 2,      ///< A peer does not know the cluster's secret.
  other_cluster = 3,  ///< A peer belongs to a cluster of another name.
  protocol_mismatch = 4,   ///< The protocol ranges of the two nodes do not overlap.
  wrong_name = 5,          ///< The node that answered is not the one that was dialled.
  own_name = 6,            ///< A node of our own name: ourselves, or a second node named alike.
  stale_incarnation = 7,   ///< A later start of the same node is already known.
  duplicate_link = 8,      ///< The pair already has the link that wins; see docs/protocol.md.
  sequence_gap = 9,        ///< A log or message stream jumped; the link closes and re-syncs.
  too_many_nodes = 10,     ///< More than 65,535 incarnations were seen by this process.
  stopping = 11,           ///< The node is on its way out and takes no more links.
  tls_required = 12,       ///< The link is in clear where it must, or could, be TLS.
  no_tls = 13,             ///< TLS was dialled, and the peer does not speak it.
  wrong_certificate = 14,  ///< The peer's certificate is not one for a node of its name.
  no_route = 15,        ///< The node asked to relay has no direct link to that life of that node.
  relay_full = 16,      ///< The node asked to relay, or one of its links, has too many tunnels.
  over_window = 17,     ///< A peer sent more, or took more, than a tunnel's window has.
  unknown_tunnel = 18,  ///< A peer spoke of a tunnel that there never was.

  silent = 100,              ///< Nothing was heard from the peer for `silence_max`.
  hello_timeout = 101,       ///< A connection did not prove itself within `hello_max`.
  connection_refused = 102,  ///< Nobody listens at the peer's address: its process is gone.
  left = 103,                ///< The peer said goodbye.
  forgotten = 104,           ///< The peer was unreachable for `forget_after`.
  restarted = 105,           ///< A later incarnation of the peer took its place.
  deadline_passed = 106,     ///< What was waited for did not happen in time; it may still happen.
  stopped = 107,             ///< This node (or table) has been stopped.
  node_gone = 108,           ///< The addressee is gone; the message was not taken.
  unknown_node = 109,        ///< No such node, or it is this one.
  queue_full = 110,          ///< `link_queue_bytes_max` is reached; the message was not taken.
  too_large = 111,           ///< A key, record or message is over its limit.
  untrusted_certificate = 112,  ///< The peer showed none, or none that our authorities vouch for.
  expired_certificate = 113,    ///< The peer's certificate is past its time, or not yet valid.
  certificate_refused = 114,    ///< The peer does not accept this node's certificate.
  tls_failed = 115,             ///< TLS broke down for another reason.
  unknown = 999,                ///< A code from a newer peer.
};

const boost::system::error_category& replication_category() noexcept;
boost::system::error_code make_error_code(Errc code) noexcept;

/// A value, or why there is none.
template <class T>
using Result = boost::system::result<T>;

}  // namespace replication

template <>
struct boost::system::is_error_code_enum<replication::Errc> : std::true_type {};
