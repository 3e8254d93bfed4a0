#pragma once

#include <cstdint>

namespace cluster {

/// Where everything of a local cluster listens: base + 100 x node + the last digits of the usual
/// port. Ports never move by themselves, so bookmarks, scripts and screenshots stay right.
struct PortPlan {
  std::uint16_t base = 15000;

  /// What a node serves; the value is the last digits of its port.
  enum class Service : std::uint16_t {
    c2s = 22,          // 5222
    c2s_tls = 23,      // 5223
    websocket = 80,    // 5280
    peers = 90,        // 5290
    behind_gate = 91,  // Where the node listens when a gate has its `peers`.
    admin = 98,        // 5298
    health = 99,       // 5299
  };

  /// `number` counts from 1 to `nodes_max()`.
  [[nodiscard]] std::uint16_t of(unsigned number, Service service) const {
    return static_cast<std::uint16_t>(base + 100U * number + static_cast<unsigned>(service));
  }

  /// The one address that stands for all nodes: the balancer's.
  [[nodiscard]] std::uint16_t any() const { return static_cast<std::uint16_t>(base + 22U); }

  /// 3306 shortened.
  [[nodiscard]] std::uint16_t mysql() const { return static_cast<std::uint16_t>(base + 6U); }

  /// How many nodes find their ports below 65536.
  [[nodiscard]] unsigned nodes_max() const { return (65535U - base - 99U) / 100U; }
};

}  // namespace cluster
