#include "replication/error.h"

#include <string>

namespace replication {
namespace {

class Category : public boost::system::error_category {
 public:
  const char* name() const noexcept override { return "replication"; }

  std::string message(int value) const override {
    switch (static_cast<Errc>(value)) {
      case Errc::bad_frame:
        return "the peer sent a bad frame";
      case Errc::bad_proof:
        return "the peer does not know the cluster's secret";
      case Errc::other_cluster:
        return "the peer belongs to another cluster";
      case Errc::protocol_mismatch:
        return "the protocol ranges do not overlap";
      case Errc::wrong_name:
        return "another node answered than was dialled";
      case Errc::own_name:
        return "the peer has this node's own name";
      case Errc::stale_incarnation:
        return "a later start of the peer is known";
      case Errc::duplicate_link:
        return "the pair already has a link";
      case Errc::sequence_gap:
        return "the peer's stream has a gap";
      case Errc::too_many_nodes:
        return "too many incarnations of nodes were seen";
      case Errc::stopping:
        return "the node is stopping";
      case Errc::tls_required:
        return "the link must be TLS";
      case Errc::no_tls:
        return "the peer does not speak TLS";
      case Errc::wrong_certificate:
        return "the peer's certificate is not for its name";
      case Errc::no_route:
        return "the relay has no link to that node";
      case Errc::relay_full:
        return "the relay has too many tunnels";
      case Errc::over_window:
        return "the peer overstepped a tunnel's window";
      case Errc::unknown_tunnel:
        return "the peer spoke of a tunnel that there never was";
      case Errc::silent:
        return "nothing was heard from the peer";
      case Errc::hello_timeout:
        return "the connection did not prove itself in time";
      case Errc::connection_refused:
        return "nobody listens at the peer's address";
      case Errc::left:
        return "the peer left in order";
      case Errc::forgotten:
        return "the peer was unreachable for too long";
      case Errc::restarted:
        return "the peer was restarted";
      case Errc::deadline_passed:
        return "the deadline passed";
      case Errc::stopped:
        return "stopped";
      case Errc::node_gone:
        return "the node is gone";
      case Errc::unknown_node:
        return "no such peer";
      case Errc::queue_full:
        return "the queue to the peer is full";
      case Errc::too_large:
        return "over the size limit";
      case Errc::untrusted_certificate:
        return "the peer's certificate is not from a trusted authority";
      case Errc::expired_certificate:
        return "the peer's certificate is not valid now";
      case Errc::certificate_refused:
        return "the peer refused this node's certificate";
      case Errc::tls_failed:
        return "TLS with the peer failed";
      case Errc::unknown:
        break;
    }
    return "unknown reason";
  }
};

}  // namespace

const boost::system::error_category& replication_category() noexcept {
  static const Category category;
  return category;
}

boost::system::error_code make_error_code(Errc code) noexcept {
  return {static_cast<int>(code), replication_category()};
}

}  // namespace replication
