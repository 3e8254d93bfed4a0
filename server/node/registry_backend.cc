#include "server/node/registry_backend.h"

#include <chrono>

#include "discovery/dns_backend.h"
#include "discovery/file_backend.h"
#include "discovery/mysql_backend.h"
#include "server/log/log.h"

namespace server {
namespace {

std::uint64_t microseconds_now() {
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(
                                        std::chrono::system_clock::now().time_since_epoch())
                                        .count());
}

discovery::DnsOptions dns_options(const Config& config) {
  discovery::DnsOptions options;
  options.name = config.discovery.name;
  options.port = config.discovery.port;
  if (options.port == 0 && config.listen.peers) options.port = config.listen.peers->port;
  options.server = config.discovery.server;
  return options;
}

discovery::MysqlAddress mysql_address(const MysqlConfig& mysql, const std::string& password) {
  discovery::MysqlAddress address;
  address.host = mysql.host;
  address.port = mysql.port;
  address.socket = mysql.socket;
  address.user = mysql.user;
  address.password = password;
  address.database = mysql.database;
  if (mysql.tls) address.tls_ca = mysql.tls_ca;
  address.connect_timeout = address.query_timeout = mysql.timeout;
  return address;
}

}  // namespace

std::unique_ptr<discovery::Backend> make_registry(const Config& config,
                                                  const std::string& mysql_password) {
  switch (config.discovery.backend) {
    case DiscoveryBackend::file:
      return std::make_unique<discovery::FileBackend>(config.discovery.file);
    case DiscoveryBackend::dns:
      return std::make_unique<discovery::DnsBackend>(dns_options(config));
    case DiscoveryBackend::mysql:
      break;
  }
  if (!config.mysql) return nullptr;
  return std::make_unique<discovery::MysqlBackend>(mysql_address(*config.mysql, mysql_password),
                                                   config.node.cluster);
}

std::uint64_t start_stamp(const Config& config, const std::string& mysql_password) {
  const auto registry = make_registry(config, mysql_password);
  if (!registry) return microseconds_now();
  const auto stamp = registry->start_stamp(config.node.name);
  if (stamp.has_value()) return *stamp;
  log::event(log::Level::warning, "discovery", "start_stamped_by_local_clock",
             {{"reason", stamp.error().message()}, {"detail", registry->last_failure()}});
  return microseconds_now();
}

}  // namespace server
