// meerkatd: reads the configuration, makes the node, runs it until it is told to end.

#include <sys/resource.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <exception>
#include <functional>
#include <iostream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "server/config/load.h"
#include "server/config/peer_tls.h"
#include "server/config/secret.h"
#include "server/log/log.h"
#include "server/node/server_node.h"
#include "server/node/storage_options.h"
#include "server/node/storage_report.h"
#include "server/storage/open_storage.h"
#include "server/stream/tls_context.h"
#include "server/version.h"

namespace server {
namespace {

namespace asio = boost::asio;

constexpr auto database_retry = std::chrono::milliseconds(500);

int complain(const std::string& what, Exit code) {
  std::cerr << "meerkatd: " << what << '\n';
  return static_cast<int>(code);
}

/// A secret from a file; an empty path is an empty secret.
boost::system::result<Secret, std::string> secret_from(const std::string& path, const char* key) {
  if (path.empty()) return Secret();
  auto secret = read_secret(path);
  if (!secret) {
    return {boost::system::in_place_error,
            std::string(key) + ": " + secret.error().message + "\n  fix: " + secret.error().fix};
  }
  return *std::move(secret);
}

/// Opens the storage; a database that is away is waited for, for `patience`.
boost::system::result<std::unique_ptr<Storage>, std::string> open_with_patience(
    const StorageOptions& options, StorageEvents& events, std::chrono::milliseconds patience) {
  const auto until = std::chrono::steady_clock::now() + patience;
  bool has_complained = false;
  for (;;) {
    auto storage = open_storage(options, events);
    if (storage) return *std::move(storage);
    const OpenFailure& failure = storage.error();
    const std::string reason = failure.error.message() + ": " + failure.detail;
    if (failure.error != StorageErrc::unavailable || std::chrono::steady_clock::now() > until) {
      return reason;
    }
    if (!std::exchange(has_complained, true)) {
      log::event(log::Level::warning, "storage", "waiting_for_database", {{"reason", reason}});
    }
    std::this_thread::sleep_for(database_retry);  // Start-up: there is no loop to keep waiting.
  }
}

void raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  (void)setrlimit(RLIMIT_NOFILE, &limit);  // What is not allowed stays as it was.
}

int serve(const LoadedConfig& loaded) {
  const Config& config = loaded.config;
  auto peer_secret = secret_from(config.peers.secret_file, "[peers] secret_file");
  if (!peer_secret) return complain(peer_secret.error(), Exit(exit_bad_config));
  auto mysql_password = secret_from(config.mysql ? config.mysql->password_file : std::string(),
                                    "[mysql] password_file");
  if (!mysql_password) return complain(mysql_password.error(), Exit(exit_bad_config));
  Secret token;
  if (config.listen.admin) {
    auto read = read_or_create_token(config.admin.token_file);
    if (!read) return complain(read.error().message, Exit(exit_bad_config));
    token = *std::move(read);
  }
  auto tls = config.tls.certificate.empty()
                 ? TlsContext::self_signed(config.domains)
                 : TlsContext::load(config.tls.certificate, config.tls.key);
  if (!tls) return complain("[tls] " + tls.error(), Exit(exit_bad_config));

  std::shared_ptr<const replication::LinkTls> peer_tls;
  if (config.peers.tls != PeerTls::off) {
    auto loaded_tls = replication::LinkTls::load(link_tls_options(config.peers));
    if (!loaded_tls) return complain("[peers] " + loaded_tls.error(), Exit(exit_bad_config));
    peer_tls = *std::move(loaded_tls);
  }

  StorageReport storage_events;
  const auto patience = config.mysql ? config.mysql->start_wait : std::chrono::milliseconds(0);
  auto storage =
      open_with_patience(storage_options(loaded, *mysql_password), storage_events, patience);
  if (!storage) return complain(storage.error(), Exit::unavailable);
  if (loaded.migrate == Migrate::only) {
    (*storage)->stop();
    return 0;
  }

  asio::io_context control(1);
  ServerNode node(
      control, config,
      {std::string(version), *peer_secret, mysql_password->reveal(), token, *tls, peer_tls},
      *std::move(storage));
  if (config.mysql) storage_events.count_into(node.metrics());
  asio::signal_set signals(control, SIGTERM, SIGINT, SIGHUP);
  std::function<void()> wait_for_signal = [&] {
    signals.async_wait([&](boost::system::error_code error, int signal) {
      if (error) return;
      if (signal == SIGHUP) {
        node.reload_tls();
      } else {
        node.terminate();
      }
      wait_for_signal();
    });
  };
  wait_for_signal();
  if (auto fault = node.start()) {
    node.stop();
    return complain(*fault, Exit::unavailable);
  }
  const auto work = asio::make_work_guard(control);
  control.run();
  node.stop();
  if (!node.fault().empty()) {
    return complain(node.fault() + "\n  fix: give each node a name of its own: [node] name",
                    node.exit_code());
  }
  return static_cast<int>(node.exit_code());
}

int run(const std::vector<std::string>& arguments) {
  auto loaded = load_config(arguments);
  if (!loaded) {
    std::cerr << render(loaded.error());
    return exit_bad_config;
  }
  switch (loaded->action) {
    case Action::help:
      std::cout << config_help();
      return 0;
    case Action::version:
      std::cout << "meerkatd " << version << '\n';
      return 0;
    case Action::print_config:
      std::cout << loaded->print();
      return 0;
    case Action::check_config:
      for (const std::string& warning : loaded->warnings) std::cerr << warning << '\n';
      std::cout << "configuration ok\n";
      return 0;
    case Action::serve:
      break;
  }
  std::signal(SIGPIPE, SIG_IGN);
  raise_descriptor_limit();
  log::Options options;
  options.format = loaded->config.log.format;
  options.level = loaded->config.log.level;
  options.node = loaded->config.node.name;
  log::start(options);
  for (const std::string& warning : loaded->warnings) {
    log::event(log::Level::warning, "config", "weak_setting", {{"warning", warning}});
  }
  const int code = serve(*loaded);
  log::stop();
  return code;
}

}  // namespace
}  // namespace server

int main(int argc, char** argv) {
  try {
    return server::run(std::vector<std::string>(argv + 1, argv + argc));
  } catch (const std::exception& error) {
    std::cerr << "meerkatd: " << error.what() << '\n';
    return static_cast<int>(server::Exit::internal);
  }
}
