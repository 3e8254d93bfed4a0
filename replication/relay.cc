#include "replication/relay.h"

#include <algorithm>

namespace replication {

using boost::system::error_code;

void Relay::pass(Carrier& from, TunnelId tunnel, Carrier& to, const NodeId& origin) {
  if (passages_.size() >= tunnels_max_) {
    from.close(tunnel, Errc::relay_full);
    return;
  }
  auto passage = passages_.emplace(passages_.end());
  for (Side* side : {&passage->from, &passage->to}) {
    side->relay = this;
    side->passage = passage;
  }
  passage->from.carrier = &from;
  passage->from.tunnel = tunnel;
  passage->from.other = &passage->to;
  passage->to.carrier = &to;
  passage->to.other = &passage->from;
  passage->to.tunnel = to.offer(origin, passage->to);
  if (passage->to.tunnel == 0) {
    passages_.erase(passage);
    from.close(tunnel, Errc::relay_full);
    return;
  }
  from.attach(tunnel, passage->from);
}

void Relay::close_all(error_code why) {
  while (!passages_.empty()) {
    Passage& passage = passages_.front();
    passage.from.carrier->close(passage.from.tunnel, why);
    passage.to.carrier->close(passage.to.tunnel, why);
    passages_.pop_front();
  }
}

std::size_t Relay::tunnels(const Carrier& carrier) const {
  return static_cast<std::size_t>(
      std::count_if(passages_.begin(), passages_.end(), [&](const Passage& passage) {
        return passage.from.carrier == &carrier || passage.to.carrier == &carrier;
      }));
}

// There is room for it: this side let in no more than the other has room for.
void Relay::Side::tunnel_data(std::string_view bytes) {
  other->carrier->count_relayed(bytes.size());
  other->carrier->send(other->tunnel, bytes);
}

void Relay::Side::tunnel_credit(std::size_t bytes) { other->carrier->grant(other->tunnel, bytes); }

void Relay::Side::tunnel_closed(error_code why) {
  Relay& owner = *relay;
  auto ended = passage;
  other->carrier->close(other->tunnel, why);
  owner.passages_.erase(ended);  // And this side with it.
}

}  // namespace replication
