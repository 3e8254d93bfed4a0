#pragma once

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>
#include <utility>

#include "replication/deadline.h"
#include "replication/error.h"
#include "replication/status.h"

namespace replication {

namespace asio = boost::asio;

/// Waits, without blocking the loop, until every live peer has applied this node's log of `table`
/// up to `position`; goes on on the coroutine's own loop.
/// Errors: deadline_passed (the write stays and still travels), stopped.
template <class Table>
asio::awaitable<Result<void>> replicated(Table& table, Position position, Deadline deadline) {
  auto start = [&table, position, deadline](auto handler) {
    // A std::function must be copyable, a completion handler is not.
    auto shared = std::make_shared<decltype(handler)>(std::move(handler));
    table.when_replicated(position, deadline, [shared](boost::system::error_code error) {
      auto executor = asio::get_associated_executor(*shared);
      asio::post(executor, [shared, outcome = error ? Result<void>(error) : Result<void>()] {
        std::move (*shared)(outcome);
      });
    });
  };
  co_return co_await asio::async_initiate<const asio::use_awaitable_t<>, void(Result<void>)>(
      std::move(start), asio::use_awaitable);
}

}  // namespace replication
