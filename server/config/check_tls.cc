#include <unistd.h>

#include <filesystem>
#include <tuple>

#include "server/config/checker.h"
#include "server/config/peer_tls.h"

namespace server {
namespace {

void check_key(const std::string& name, const std::string& title, const std::string& path,
               Checker& checker) {
  std::error_code error;
  const auto mode = std::filesystem::status(path, error).permissions();
  const bool is_open = (mode & std::filesystem::perms::others_read) != std::filesystem::perms::none;
  if (!path.empty() && !error && is_open) {
    checker.fault(name, title + ": " + path + " can be read by everybody", "chmod 600 " + path);
  }
}

void check_client_tls(const TlsConfig& tls, Checker& checker) {
  if (tls.certificate.empty() != tls.key.empty()) {
    const bool has_key = !tls.key.empty();
    checker.fault(
        has_key ? "tls.key" : "tls.certificate",
        std::string("[tls] ") + (has_key ? "key without certificate" : "certificate without key"),
        "give both, or none for a certificate that the node makes itself");
    return;
  }
  for (const auto& [name, path] : {std::pair{"certificate", tls.certificate}, {"key", tls.key}}) {
    if (path.empty() || access(path.c_str(), R_OK) == 0) continue;
    checker.fault(std::string("tls.") + name,
                  std::string("[tls] ") + name + ": cannot read " + path,
                  "an existing PEM file that this user may read");
  }
  check_key("tls.key", "[tls] key", tls.key, checker);
}

void check_peer_tls(const Config& config, Checker& checker) {
  const PeersConfig& peers = config.peers;
  const std::tuple<const char*, const std::string&, const char*> files[] = {
      {"certificate", peers.certificate, "node.crt"},
      {"key", peers.key, "node.key"},
      {"ca", peers.ca, "ca.crt"}};
  if (peers.tls == PeerTls::off) {
    if (checker.is_given("peers.tls")) return;  // Said so: perhaps for a while.
    for (const auto& [key, path, example] : files) {
      if (path.empty()) continue;
      checker.fault(std::string("peers.") + key,
                    std::string("[peers] ") + key + " is given, but tls is off by default",
                    "add tls = \"required\" to [peers]; \"optional\" while some nodes have none");
      return;
    }
    return;
  }
  bool is_readable = true;
  for (const auto& [key, path, example] : files) {
    if (!path.empty() && access(path.c_str(), R_OK) == 0) continue;
    is_readable = false;
    if (path.empty()) {
      checker.fault("peers.tls", std::string("[peers] tls is on, but there is no ") + key,
                    std::string("add ") + key + " = \"" + example + "\" to [peers]");
    } else {
      checker.fault(std::string("peers.") + key,
                    std::string("[peers] ") + key + ": cannot read " + path,
                    "an existing PEM file that this user may read");
    }
  }
  check_key("peers.key", "[peers] key", peers.key, checker);
  if (!is_readable) return;
  const auto loaded = replication::LinkTls::load(link_tls_options(peers));
  if (!loaded) {
    checker.fault("peers.certificate", "[peers] " + loaded.error(),
                  "PEM files of one certificate, its key, and who signed it");
    return;
  }
  const std::string fault = (*loaded)->own_fault(config.node.name);
  if (fault.empty()) return;
  checker.fault(
      "peers.certificate", "[peers] " + fault + ": no peer would take it",
      "a certificate for both ends with this name as subjectAltName, or another peer_name");
}

void check_mysql_tls(const MysqlConfig& mysql, Checker& checker) {
  if (!mysql.tls && !mysql.tls_ca.empty() && !checker.is_given("mysql.tls")) {
    checker.fault("mysql.tls_ca", "[mysql] tls_ca is given, but tls is false by default",
                  "add tls = true to [mysql]");
  } else if (mysql.tls && mysql.tls_ca.empty()) {
    checker.fault("mysql.tls", "[mysql] tls is true, but there is no tls_ca",
                  "add tls_ca = \"mysql-ca.crt\" to [mysql]");
  } else if (mysql.tls && access(mysql.tls_ca.c_str(), R_OK) != 0) {
    checker.fault("mysql.tls_ca", "[mysql] tls_ca: cannot read " + mysql.tls_ca,
                  "an existing PEM file that this user may read");
  } else if (mysql.tls && !mysql.socket.empty()) {
    checker.fault("mysql.tls", "[mysql] tls is true, but url names a Unix socket",
                  "leave tls out: nobody stands between the two ends of a socket");
  }
}

}  // namespace

void check_tls(const Draft& draft, Checker& checker) {
  check_client_tls(draft.config.tls, checker);
  check_peer_tls(draft.config, checker);
  check_mysql_tls(draft.mysql, checker);
}

}  // namespace server
