#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace tests {

/// Ports of 127.0.0.1 that are this process's until it ends, also while nobody listens on them: for
/// servers that are stopped and started again. Nobody's connection takes one, as they are below
/// those that the kernel gives to clients, and no other test does. Throws when there are none left.
std::vector<std::uint16_t> free_ports(std::size_t count);

}  // namespace tests
