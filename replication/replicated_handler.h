#pragma once

#include <boost/system/error_code.hpp>
#include <memory>
#include <utility>

namespace replication {

/// What is called once when a wait for replication ends. Unlike a std::function it takes what can
/// only be moved, as the completion handlers of Asio.
class ReplicatedHandler {
 public:
  template <class Function>
  ReplicatedHandler(Function function)  // NOLINT(google-explicit-constructor): as std::function.
      : callable_(std::make_unique<Callable<Function>>(std::move(function))) {}

  void operator()(boost::system::error_code error) { std::exchange(callable_, {})->call(error); }

 private:
  struct AnyCallable {
    virtual ~AnyCallable() = default;
    virtual void call(boost::system::error_code error) = 0;
  };

  template <class Function>
  struct Callable : AnyCallable {
    explicit Callable(Function f) : function(std::move(f)) {}
    void call(boost::system::error_code error) override { function(error); }
    Function function;
  };

  std::unique_ptr<AnyCallable> callable_;
};

}  // namespace replication
