#pragma once

#include <memory>

#include "replication/environment.h"

namespace replication {

/// The operating system's clock, network and randomness, with one thread for the tasks.
std::unique_ptr<Environment> asio_environment();

}  // namespace replication
