#include "replication/status.h"

namespace replication {

const char* to_string(PeerState state) {
  switch (state) {
    case PeerState::connecting:
      return "connecting";
    case PeerState::joining:
      return "joining";
    case PeerState::ready:
      return "ready";
    case PeerState::unreachable:
      return "unreachable";
    case PeerState::lagging:
      return "lagging";
    case PeerState::refused:
      return "refused";
    case PeerState::gone:
      return "gone";
  }
  return "unknown";
}

}  // namespace replication
