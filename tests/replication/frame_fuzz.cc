// Whatever bytes a proven peer sends, a link must end in an error, not in a crash, and must leave
// the records of other owners alone. Replays its corpus as a plain test; with --config=fuzz it
// explores.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "replication/events.h"
#include "replication/hello.h"
#include "replication/inflow.h"
#include "replication/node.h"
#include "replication/node_state.h"
#include "replication/outflow.h"
#include "replication/table.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace replication;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  decode_hello(bytes);
  decode_refusal(bytes);

  static Events events;
  static NodeOptions options{.cluster = "c", .name = "a", .incarnation = 1, .secret = "s"};
  Node node(options, events);
  Table<std::string, std::string> table(node, "t", {.unique = true});
  if (!table.put("own", "record")) std::abort();
  NodeState& state = node.state();
  NodeRef peer = state.owners.intern({"b", 1}).value();
  NodeRef other = state.owners.intern({"c", 1}).value();
  for (NodeRef ref : {peer, other}) state.owners.set_life(ref, Owners::Life::reachable);
  Outflow outflow(state, peer);
  Inflow inflow(state, peer, outflow);
  inflow.begin();
  FrameDecoder decoder(options.frame_bytes_max);
  std::string out;
  // In two pieces, so that frames are cut.
  for (std::string_view piece : {bytes.substr(0, size / 2), bytes.substr(size / 2)}) {
    decoder.feed(piece);
    for (;;) {
      auto frame = decoder.next();
      if (!frame) return 0;
      if (!*frame) break;
      if (inflow.take(**frame)) return 0;
    }
    inflow.acknowledge();
    outflow.fill(1 << 20, out);
  }
  if (table.size(other) != 0) std::abort();
  return 0;
}
