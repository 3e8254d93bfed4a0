#pragma once

#include <boost/asio/io_context.hpp>
#include <memory>

#include "replication/environment.h"

namespace replication {

namespace asio = boost::asio;

/// The operating system's clock, network and randomness, with one thread for the tasks: heartbeats
/// survive whatever keeps the application's loops busy.
std::unique_ptr<Environment> asio_environment();

/// The same on the application's own loop, which becomes the link thread: whoever writes and waits
/// there hands nothing to another thread, and what a turn of it writes leaves in one frame.
///
///     Node node(options, events, asio_environment(loop));
///
/// One thread runs `loop`, best made as `io_context(1)`; it outlives the node, which never stops it
/// and keeps it from running out of work until the node has stopped. What keeps the loop busy for
/// longer than `silence_max` cuts the node off from its peers.
///
/// The node is started, and destroyed without a stop() before it, on the loop or while nobody runs
/// it; after stop(), anywhere.
std::unique_ptr<Environment> asio_environment(asio::io_context& loop);

}  // namespace replication
