#pragma once

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/defer.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <memory>
#include <utility>

#include "replication/deadline.h"
#include "replication/error.h"
#include "replication/node.h"
#include "replication/status.h"

namespace replication {

namespace asio = boost::asio;

/// Waits, without blocking the loop, until every live peer has applied this node's log of `table`
/// up to `position`; goes on on the coroutine's own loop. If that is the node's, too
/// (asio_environment.h), no other thread is woken.
/// Errors: deadline_passed (the write stays and still travels), stopped.
template <class Table>
asio::awaitable<Result<void>> replicated(Table& table, Position position, Deadline deadline) {
  return asio::async_initiate<const asio::use_awaitable_t<>, void(Result<void>)>(
      [&table, position, deadline](auto handler) {
        const auto executor = asio::get_associated_executor(handler);
        table.when_replicated(
            position, deadline,
            [executor, handler = std::move(handler)](boost::system::error_code error) mutable {
              // Never at once: this is inside the node's work, which a coroutine may end. All that
              // go on in one turn of the node's loop come before what they write leaves.
              asio::defer(executor, [error, handler = std::move(handler)]() mutable {
                std::move(handler)(error ? Result<void>(error) : Result<void>());
              });
            });
      },
      asio::use_awaitable);
}

/// Node::stop() without blocking the loop, which may be the node's; goes on on the coroutine's own.
/// Once.
inline asio::awaitable<void> stop(
    Node& node, std::chrono::milliseconds drain = std::chrono::milliseconds(1000)) {
  return asio::async_initiate<const asio::use_awaitable_t<>, void()>(
      [&node, drain](auto handler) {
        // A std::function must be copyable, a completion handler is not.
        auto shared = std::make_shared<decltype(handler)>(std::move(handler));
        node.stop(drain, [shared] {
          asio::post(asio::get_associated_executor(*shared), [shared] { std::move (*shared)(); });
        });
      },
      asio::use_awaitable);
}

}  // namespace replication
