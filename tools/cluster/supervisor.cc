#include "tools/cluster/supervisor.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <chrono>
#include <cstdio>
#include <exception>
#include <system_error>
#include <utility>

#include "tools/cluster/accounts.h"
#include "tools/cluster/credentials.h"
#include "tools/cluster/http.h"
#include "tools/cluster/node_config.h"
#include "tools/cluster/table.h"
#include "tools/cluster/upgrade.h"

namespace cluster {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
namespace fs = std::filesystem;
namespace json = boost::json;

namespace {

constexpr auto use_result = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t relay_connections_max = 9000;  // Two descriptors each, of usually 20,000.
constexpr auto accounts_limit = 120s;
constexpr auto api_limit = 10s;
constexpr auto reply_limit = 2s;

void rethrow(const std::exception_ptr& failure) {
  if (failure) std::rethrow_exception(failure);
}

Fault fault_of(std::string text, std::string fix) { return {std::move(text), std::move(fix)}; }

std::string text_at(const json::object& request, std::string_view key) {
  const json::value* value = request.if_contains(key);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : "";
}

/// The lock that a living supervisor holds on its folder. Kept until the process ends, on purpose:
/// nothing else may start in the folder before all of it has gone.
Result<void> claim(const fs::path& folder) {
  const int fd = open((folder / "lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0) return {};
  if (fd >= 0) close(fd);
  std::string holder;
  if (const auto record = read_record(folder)) {
    holder = " (supervisor pid " + std::to_string(record->supervisor.pid) + ")";
  }
  return fault_of("cluster " + folder.filename().string() + " runs already" + holder,
                  "cluster status, cluster down, or another --name= with its own --port-base=");
}

}  // namespace

Supervisor::Supervisor(asio::io_context& loop, SupervisorOptions options)
    : loop_(loop),
      options_(std::move(options)),
      database_(loop, record_),
      fleet_(loop, record_, placement_, {},
             [](const std::string& line) { std::fprintf(stderr, "cluster: %s\n", line.c_str()); }),
      relay_(loop, placement_, relay_connections_max),
      control_(loop,
               [this](json::object request, Progress progress) {
                 return command(std::move(request), std::move(progress));
               }),
      stop_event_(loop, Deadline::max()) {}

void Supervisor::stop() {
  if (stopping_) return;
  stopping_ = true;
  delete_folder_ = !options_.keep;
  stop_event_.cancel();
  // While the cluster is still coming up, what it waits for has to end.
  if (busy_with_ == "up") asio::co_spawn(loop_, bring_down(), rethrow);
}

asio::awaitable<int> Supervisor::run(Progress progress,
                                     std::function<void(const Reply&)> announce) {
  std::error_code error;
  fs::create_directories(options_.folder, error);
  fs::permissions(options_.folder, fs::perms::owner_all, error);
  if (const auto claimed = claim(options_.folder); !claimed) {
    announce(reply_of(claimed.error()));
    co_return 1;
  }
  busy_with_ = "up";
  const auto up = co_await bring_up(std::move(progress));
  busy_with_.clear();
  if (!up) {
    co_await bring_down();
    announce(
        reply_of(stopping_ ? fault_of("stopped before all nodes were ready", "") : up.error()));
    // A cluster that failed by itself leaves its logs to be read.
    if (stopping_ && delete_folder_) fs::remove_all(options_.folder, error);
    co_return 1;
  }
  announce(*up);
  if (!stopping_) co_await stop_event_.async_wait(use_result);
  co_await bring_down();
  if (delete_folder_) fs::remove_all(options_.folder, error);
  co_await control_.replies_sent(Clock::now() + reply_limit);
  co_return 0;
}

asio::awaitable<Result<Reply>> Supervisor::bring_up(Progress progress) {
  record_.name = options_.name;
  record_.folder = options_.folder;
  record_.ports.base = options_.port_base;
  record_.program = options_.program;
  record_.gates = options_.gates;
  record_.peer_tls = options_.peer_tls;
  record_.settings = options_.settings;
  record_.supervisor = find_process(getpid()).value_or(ProcessKey{});
  if (const auto secrets = ensure_secrets(record_); !secrets) co_return secrets.error();
  const auto certificates = ensure_certificates(record_.folder, record_.domain);
  if (!certificates) co_return certificates.error();
  if (const auto listening = control_.listen(record_.folder / "supervisor.sock"); !listening) {
    co_return listening.error();
  }
  auto any_taken = port_taken(record_.ports.any(), "of the balancer", record_.ports);
  if (any_taken) co_return *std::move(any_taken);
  const auto database = co_await start_database(progress);
  if (!database) co_return database.error();

  const auto began = Clock::now();
  std::string names;
  for (unsigned i = 0; i < options_.nodes; ++i) {
    const auto node = fleet_.add_record();
    if (!node) co_return node.error();
    names += *node + " ";
    if (auto launched = fleet_.launch(*node, record_.program); !launched) {
      co_return launched.error();
    }
  }
  // Ready one after another in name, all at once in time.
  for (std::size_t i = 0; i < record_.nodes.size(); ++i) {
    const auto ready = co_await fleet_.await_ready(record_.nodes[i].name);
    if (!ready) co_return ready.error();
  }
  const Seconds joined = Clock::now() - began;
  progress(names + "  joined in " + in_seconds(joined) + "   version " +
           record_.nodes.front().version);
  const auto accounts = co_await make_accounts(progress);
  if (!accounts) co_return accounts.error();
  asio::co_spawn(loop_, fleet_.watch(), rethrow);
  if (const auto relaying = relay_.listen(record_.ports.any()); !relaying) {
    co_return relaying.error();
  }
  if (const auto written = write_record(record_); !written) co_return written.error();
  Reply reply;
  reply.text = address_table(record_, options_.command);
  reply.result = to_json(record_);
  reply.result["joined_in_s"] = joined.count();
  co_return reply;
}

asio::awaitable<Result<void>> Supervisor::start_database(Progress progress) {
  if (options_.mysql) {
    record_.mysql = options_.mysql->record;
    co_return write_private_file(record_.folder / "secrets" / "db", options_.mysql->password);
  }
  record_.mysql.port = record_.ports.mysql();
  auto taken = port_taken(record_.mysql.port, "of MySQL", record_.ports);
  if (taken) co_return *std::move(taken);
  const auto began = Clock::now();
  const auto started = co_await database_.start();
  if (!started) co_return started.error();
  progress("MySQL      ready in " + in_seconds(Clock::now() - began) + "    mysql://" +
           record_.mysql.user + "@127.0.0.1:" + std::to_string(record_.mysql.port) + "/" +
           record_.mysql.database);
  co_return Result<void>();
}

asio::awaitable<Result<void>> Supervisor::make_accounts(Progress progress) {
  const auto token = read_secret(record_, "admin-token");
  if (!token) co_return token.error();
  for (const char* user : {"romeo", "juliet"}) {
    HttpRequest request;
    request.post = true;
    request.port = record_.ports.of(record_.nodes.front().number, PortPlan::Service::admin);
    request.target = "/api/v1/users";
    request.token = *token;
    request.body = json::serialize(
        json::object{{"jid", std::string(user) + "@" + record_.domain}, {"password", user}});
    const auto answer = co_await ask(std::move(request), api_limit);
    if (!answer) co_return answer.error();
    // 409: there since an earlier life of a kept folder.
    if (answer->status / 100 != 2 && answer->status != 409) {
      co_return fault_of("cannot make the user " + std::string(user) + ": " + answer->body,
                         "cluster logs " + record_.nodes.front().name);
    }
  }
  if (options_.accounts == 0) co_return Result<void>();
  const auto began = Clock::now();
  record_.accounts.password = "load";
  record_.accounts.count = options_.accounts;
  const auto script = accounts_script(record_.domain, record_.accounts.prefix,
                                      record_.accounts.count, record_.accounts.password);
  if (!script) co_return script.error();
  const auto made = co_await database_.run_script(*script, Clock::now() + accounts_limit);
  if (!made) co_return made.error();
  progress("accounts   " + std::to_string(options_.accounts) + " made in " +
           in_seconds(Clock::now() - began));
  co_return Result<void>();
}

asio::awaitable<void> Supervisor::bring_down() {
  relay_.stop();
  co_await fleet_.stop_all();
  co_await database_.stop();
  control_.stop();
  std::error_code ignored;
  fs::remove(record_.folder / "supervisor.sock", ignored);
  record_.supervisor = {};
  // cluster.json tells others that nothing runs; if it cannot be written, their look at the
  // processes themselves does.
  [[maybe_unused]] const auto written = write_record(record_);
}

Reply Supervisor::status() {
  Reply reply;
  const auto sessions = [this](const std::string& node) { return fleet_.sessions(node); };
  reply.text = status_table(record_, sessions);
  reply.result = to_json(record_);
  for (json::value& node : reply.result["nodes"].as_array()) {
    json::object& object = node.as_object();
    object["sessions"] = fleet_.sessions(text_at(object, "name"));
  }
  json::array cuts;
  for (const auto& [a, b] : fleet_.cuts()) {
    reply.text += "  cut " + a + " - " + b + "   until `heal`\n";
    cuts.push_back({a, b});
  }
  reply.result["cuts"] = std::move(cuts);
  reply.result["busy_with"] = busy_with_;
  return reply;
}

asio::awaitable<Reply> Supervisor::command(json::object request, Progress progress) {
  const std::string verb = text_at(request, "command");
  if (verb == "status") co_return status();
  if (verb == "down") co_return co_await end(false);
  if (verb == "reset") co_return co_await end(true);
  // Faults may strike at any time, in the middle of an upgrade too.
  if (verb == "kill" || verb == "pause" || verb == "resume" || verb == "cut" || verb == "heal") {
    co_return co_await strike(verb, std::move(request));
  }
  if (!busy_with_.empty()) {
    co_return reply_of(fault_of("the cluster is busy with `" + busy_with_ + "`",
                                "the same again when that is done; `cluster status` tells"));
  }
  busy_with_ = verb;
  const auto done = co_await change(verb, std::move(request), std::move(progress));
  busy_with_.clear();
  co_return done ? *done : reply_of(done.error());
}

asio::awaitable<Reply> Supervisor::strike(std::string verb, json::object request) {
  const std::string node = text_at(request, "node");
  const std::string other = text_at(request, "other");
  Result<void> done;
  if (verb == "kill") done = co_await fleet_.kill(node);
  if (verb == "pause") done = fleet_.pause(node);
  if (verb == "resume") done = fleet_.resume(node);
  if (verb == "cut") done = fleet_.cut(node, other);
  if (verb == "heal") done = fleet_.heal(node, other);
  if (!done) co_return reply_of(done.error());
  const std::string both = node.empty() ? "all paths" : node + " and " + other;
  Reply reply;
  if (verb == "kill") reply.text = node + " killed\n";
  if (verb == "pause" || verb == "resume") reply.text = node + " " + verb + "d\n";
  if (verb == "cut") reply.text = both + " cannot reach each other\n";
  if (verb == "heal") reply.text = both + " healed\n";
  reply.result = {{"node", node}, {"done", verb}};
  if (!other.empty()) reply.result["other"] = other;
  co_return reply;
}

asio::awaitable<Result<Reply>> Supervisor::change(std::string verb, json::object request,
                                                  Progress progress) {
  const std::string node = text_at(request, "node");
  if (verb == "add") co_return co_await add(std::move(request), std::move(progress));
  if (verb == "remove") co_return co_await remove(node, std::move(progress));
  if (verb == "start") co_return co_await restart(node, std::move(progress));
  if (verb == "upgrade") co_return co_await run_upgrade(std::move(request), std::move(progress));
  if (verb.starts_with("mysql-")) co_return co_await strike_database(std::move(verb));
  co_return fault_of("unknown command " + verb + "; this supervisor may be older than you are",
                     "cluster down, then cluster up");
}

asio::awaitable<Result<Reply>> Supervisor::strike_database(std::string verb) {
  if (record_.mysql.external) co_return fault_of("the database is not ours to stop", "");
  Result<void> done;
  if (verb == "mysql-stop") co_await database_.stop();
  if (verb == "mysql-start") done = co_await database_.start();
  if (verb == "mysql-pause") done = database_.pause();
  if (verb == "mysql-resume") done = database_.resume();
  if (!done) co_return done.error();
  if (const auto written = write_record(record_); !written) co_return written.error();
  Reply reply;
  reply.text = verb + " done\n";
  reply.result = {{"done", verb}};
  co_return reply;
}

asio::awaitable<Result<Reply>> Supervisor::add(json::object request, Progress progress) {
  const json::value* given = request.if_contains("count");
  const std::int64_t count = given != nullptr && given->is_int64() ? given->get_int64() : 1;
  if (count < 1 || count > record_.ports.nodes_max()) {
    co_return fault_of("cannot add " + std::to_string(count) + " nodes", "cluster add --count=1");
  }
  Steps steps(progress);
  std::vector<std::string> added;
  for (std::int64_t i = 0; i < count; ++i) {
    const auto node = fleet_.add_record();
    if (!node) co_return node.error();
    if (auto launched = fleet_.launch(*node, record_.program); !launched) {
      fleet_.forget(*node);
      co_return launched.error();
    }
    added.push_back(*node);
  }
  std::string names;
  for (const std::string& node : added) {
    const auto ready = co_await steps.become_ready(fleet_, "add", node);
    if (!ready) co_return ready.error();
    names += (names.empty() ? "" : ", ") + node;
  }
  Reply reply;
  reply.text = names + " added\n";
  reply.result = {{"steps", steps.done()}};
  co_return reply;
}

asio::awaitable<Result<Reply>> Supervisor::remove(std::string node, Progress progress) {
  if (const auto found = fleet_.find(node); !found) co_return found.error();
  Steps steps(progress);
  const auto drained = co_await steps.drain(fleet_, "remove", node);
  if (!drained) co_return drained.error();
  fleet_.forget(node);
  Reply reply;
  reply.text = node + " removed\n";
  reply.result = {{"steps", steps.done()}};
  co_return reply;
}

asio::awaitable<Result<Reply>> Supervisor::restart(std::string node, Progress progress) {
  const auto found = fleet_.find(node);
  if (!found) co_return found.error();
  const fs::path program = (*found)->program;
  if (auto launched = fleet_.launch(node, program); !launched) co_return launched.error();
  Steps steps(progress);
  const auto ready = co_await steps.become_ready(fleet_, "start", node);
  if (!ready) co_return ready.error();
  Reply reply;
  reply.text = node + " started\n";
  reply.result = {{"steps", steps.done()}};
  co_return reply;
}

asio::awaitable<Result<Reply>> Supervisor::run_upgrade(json::object request, Progress progress) {
  UpgradePlan plan;
  plan.node = text_at(request, "node");
  plan.order =
      text_at(request, "order") == "in-place" ? UpgradeOrder::in_place : UpgradeOrder::surge;
  const std::string to = text_at(request, "to");
  const json::value* back = request.if_contains("back");
  if (back != nullptr && back->is_bool() && back->get_bool()) {
    plan.program = record_.previous_program;
    if (plan.program.empty()) {
      co_return fault_of("no upgrade was made that could be taken back",
                         "cluster upgrade --to=next");
    }
  } else {
    plan.program = to == "next" ? options_.next_program : fs::path(to);
  }
  if (access(plan.program.c_str(), X_OK) != 0) {
    co_return fault_of("there is no program " + plan.program.string(),
                       "cluster upgrade --to=PATH of a built meerkatd");
  }
  const auto began = Clock::now();
  Steps steps(progress);
  const auto done = co_await upgrade(fleet_, record_, std::move(plan), steps);
  if (!done) {
    Fault fault = done.error();
    fault.text = "the upgrade halted: " + fault.text;
    fault.fix += (fault.fix.empty() ? "" : ", or ") + std::string("cluster upgrade --back");
    Reply reply = reply_of(fault);
    reply.result["steps"] = steps.done();
    co_return reply;
  }
  if (const auto written = write_record(record_); !written) co_return written.error();
  Reply reply;
  reply.text = "upgraded in " + in_seconds(Clock::now() - began) + "\n";
  reply.result = {{"steps", steps.done()}, {"seconds", Seconds(Clock::now() - began).count()}};
  co_return reply;
}

asio::awaitable<Reply> Supervisor::end(bool delete_folder) {
  stopping_ = true;
  co_await bring_down();
  delete_folder_ = delete_folder;
  stop_event_.cancel();
  Reply reply;
  reply.text = "cluster " + record_.name + " stopped" +
               (delete_folder ? ", its folder deleted\n"
                              : "; its data stays in " + record_.folder.string() + "\n");
  reply.result = {{"done", delete_folder ? "reset" : "down"}};
  co_return reply;
}

}  // namespace cluster
