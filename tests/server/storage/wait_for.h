#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <utility>

namespace server {

/// Runs a coroutine to its end on a loop of its own.
template <class T>
T wait_for(boost::asio::awaitable<T> work) {
  boost::asio::io_context loop;
  auto answer = boost::asio::co_spawn(loop, std::move(work), boost::asio::use_future);
  loop.run();
  return answer.get();
}

}  // namespace server
