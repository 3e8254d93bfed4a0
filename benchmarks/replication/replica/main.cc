// One replication node in a process, told what to do by lines: see README.md.

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <csignal>
#include <iostream>
#include <mutex>
#include <string>

#include "benchmarks/replication/replica/replica.h"
#include "discovery/mysql_backend.h"

int main(int argc, char** argv) {
  replication::NodeOptions options{.cluster = "replicas", .secret = "replicas"};
  replication::TableOptions table_options;
  std::size_t encoded_bytes = 0;
  bool events = false;
  bool on_loop = false;
  std::uint64_t heartbeat = 500, silence = 3000, forget = 30000, lag = 2000, lease = 15000;
  discovery::MysqlAddress registry{.port = 0,
                                   .connect_timeout = std::chrono::seconds(1),
                                   .query_timeout = std::chrono::seconds(1)};

  CLI::App app("One replication node, told what to do by lines on its standard input.");
  app.option_defaults()->take_last();
  app.add_option("--name", options.name, "Of the node")->required();
  app.add_option("--cluster", options.cluster, "Of the cluster");
  app.add_option("--secret", options.secret, "Of the cluster");
  app.add_option("--incarnation", options.incarnation, "0: the time of the start");
  app.add_option("--host", options.listen_host, "An address of this machine; else 127.0.0.1");
  app.add_option("--port", options.listen_port, "At that address; 0: the kernel picks");
  app.add_option("--heartbeat-ms", heartbeat, "At most between two frames of a link");
  app.add_option("--silence-ms", silence, "Then a peer is unreachable");
  app.add_option("--forget-ms", forget, "Unreachable for so long: gone");
  app.add_option("--lag-ms", lag, "Acks later than this: lagging");
  app.add_option("--log-ring-bytes", options.log_ring_bytes, "A log that is kept for reconnects");
  app.add_option("--record-bytes", encoded_bytes, "What key and record are padded to, encoded");
  app.add_flag("--unique", table_options.unique, "One record at a key, the newest");
  app.add_option("--mysql-port", registry.port, "Of 127.0.0.1: who the peers are stands there");
  app.add_option("--mysql-user", registry.user, "Of that database server");
  app.add_option("--mysql-password", registry.password, "Of that user");
  app.add_option("--mysql-database", registry.database, "That has the registry");
  app.add_option("--lease-ms", lease, "How long the registry lists it without a renewal");
  app.add_flag("--on-loop", on_loop, "The node lives on the loop of the callers (coroutines)");
  app.add_flag("--events", events, "Says what happens between nodes, as lines");
  CLI11_PARSE(app, argc, argv);
  options.heartbeat = std::chrono::milliseconds(heartbeat);
  options.silence_max = std::chrono::milliseconds(silence);
  options.forget_after = std::chrono::milliseconds(forget);
  options.lag_max = std::chrono::milliseconds(lag);

  std::signal(SIGPIPE, SIG_IGN);
  std::mutex speaking;
  auto say = [&speaking](const std::string& line) {
    std::lock_guard lock(speaking);
    std::cout << line + "\n" << std::flush;
  };
  using benchmarks::NodeThread;
  benchmarks::Replica replica(options, table_options, encoded_bytes,
                              on_loop ? NodeThread::application : NodeThread::own,
                              events ? benchmarks::Replica::Say(say) : nullptr);
  auto port = replica.start();
  if (!port) {
    say("error " + port.error().message());
    return 1;
  }
  if (registry.port != 0) replica.list_in(registry, std::chrono::milliseconds(lease));
  say("ok port=" + std::to_string(*port) + " pid=" + std::to_string(::getpid()));
  for (std::string line; !replica.has_left() && std::getline(std::cin, line);) {
    if (!line.empty()) say(replica.obey(line));
  }
  std::cout.flush();
  if (!replica.has_left()) ::_exit(0);  // No goodbye, and no time to tidy up millions of records.
  return 0;
}
