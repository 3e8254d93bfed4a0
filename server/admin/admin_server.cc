#include "server/admin/admin_server.h"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <cassert>
#include <thread>

#include "server/admin/answer_post.h"
#include "server/admin/dispatcher.h"
#include "server/admin/http_listener.h"

namespace server {

namespace asio = boost::asio;

struct AdminServer::State {
  State(AdminServerOptions given, NodeControl& control, const Metrics& metrics)
      : options(std::move(given)),
        health_dispatcher(health_routes(), {control, metrics}, {}),
        admin_dispatcher(admin_routes(), {control, metrics},
                         {.token = options.token,
                          .failures_max = options.token_failures_max,
                          .window = options.token_failure_window}) {}

  const AdminServerOptions options;
  Dispatcher health_dispatcher;
  Dispatcher admin_dispatcher;
  std::optional<asio::io_context> loop;
  std::shared_ptr<AnswerPost> answers;
  std::optional<HttpListener> health;
  std::optional<HttpListener> admin;
  std::optional<Endpoint> health_endpoint;
  std::optional<Endpoint> admin_endpoint;
  std::thread thread;

  /// Listeners first: their acceptors live on the loop. The loop takes the connections with it.
  void clear() {
    health.reset();
    admin.reset();
    loop.reset();
  }
};

AdminServer::AdminServer(AdminServerOptions options, NodeControl& control, const Metrics& metrics)
    : state_(std::make_unique<State>(std::move(options), control, metrics)) {}

AdminServer::~AdminServer() { assert(!state_->thread.joinable()); }

boost::system::result<void, ListenFault> AdminServer::start() {
  State& state = *state_;
  state.loop.emplace(1);
  state.answers = std::make_shared<AnswerPost>(*state.loop);
  if (state.options.health) {
    state.health.emplace(*state.loop, state.options, state.health_dispatcher, state.answers);
    // Probes come by the address of a pod or a balancer, and nothing here is secret.
    const auto error = state.health->open(*state.options.health, false);
    if (error) {
      state.clear();
      return ListenFault{*state.options.health, error.message()};
    }
    state.health_endpoint = state.health->endpoint();
  }
  if (state.options.admin && !state.options.token.is_empty()) {
    state.admin.emplace(*state.loop, state.options, state.admin_dispatcher, state.answers);
    const auto error = state.admin->open(*state.options.admin, true);
    if (error) {
      state.clear();
      return ListenFault{*state.options.admin, error.message()};
    }
    state.admin_endpoint = state.admin->endpoint();
  }
  if (state.health) state.health->start();
  if (state.admin) state.admin->start();
  state.thread = std::thread([&loop = *state.loop] { loop.run(); });
  return {};
}

void AdminServer::stop() {
  State& state = *state_;
  if (!state.thread.joinable()) return;
  state.answers->close();
  state.loop->stop();
  state.thread.join();
  state.clear();
}

std::optional<Endpoint> AdminServer::health_endpoint() const { return state_->health_endpoint; }

std::optional<Endpoint> AdminServer::admin_endpoint() const { return state_->admin_endpoint; }

}  // namespace server
