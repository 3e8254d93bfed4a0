#include "tools/cluster/node_config.h"

#include <fstream>
#include <iterator>
#include <sstream>
#include <system_error>

#include "tools/cluster/credentials.h"

namespace cluster {

namespace fs = std::filesystem;

namespace {

/// A TOML basic string. Only paths and names come here; the control characters that TOML forbids
/// raw are refused by the file systems' users, not by us, so they are escaped too.
std::string quoted(const std::string& text) {
  std::ostringstream out;
  out << '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out << '\\' << c;
    } else if (static_cast<unsigned char>(c) < ' ') {
      out << "\\u00" << (c < 16 ? '0' : '1') << "0123456789abcdef"[c & 15];
    } else {
      out << c;
    }
  }
  out << '"';
  return out.str();
}

std::string loopback(std::uint16_t port) { return quoted("127.0.0.1:" + std::to_string(port)); }

}  // namespace

Result<fs::path> write_node_config(const ClusterRecord& record, const NodeRecord& node) {
  using Service = PortPlan::Service;
  const fs::path folder = record.node_folder(node.name);
  std::error_code error;
  fs::create_directories(folder, error);
  const auto listen = [&](Service service) {
    return loopback(record.ports.of(node.number, service));
  };
  const auto file = [&](const fs::path& path) { return quoted((record.folder / path).string()); };

  std::ostringstream toml;
  toml << "# Written by `cluster` at each start of this node; changes do not last.\n"
       << "domains = [" << quoted(record.domain) << "]\n"
       << "\n[node]\n"
       << "name = " << quoted(node.name) << "\n"
       << "advertise = " << listen(Service::peers) << "\n"
       << "cluster = " << quoted(record.name) << "\n"
       << "\n[tls]\n"
       << "certificate = " << file("tls/server.crt") << "\n"
       << "key = " << file("tls/server.key") << "\n"
       << "\n[log]\n"
       << "format = \"json\"\n"
       << "\n[listen]\n"
       << "c2s = " << listen(Service::c2s) << "\n"
       << "c2s_tls = " << listen(Service::c2s_tls) << "\n"
       << "peers = " << listen(record.gates ? Service::behind_gate : Service::peers) << "\n"
       << "health = " << listen(Service::health) << "\n"
       << "admin = " << listen(Service::admin) << "\n"
       << "\n[peers]\n"
       << "secret_file = " << file("secrets/peers") << "\n";
  if (record.peer_tls) {
    toml << "tls = \"required\"\n"
         << "certificate = " << file("tls/server.crt") << "\n"
         << "key = " << file("tls/server.key") << "\n"
         << "ca = " << file("ca.crt") << "\n"
         << "peer_name = " << quoted(record.domain) << "  # One certificate for all nodes.\n";
  }
  toml << "\n[mysql]\n"
       << "url = "
       << quoted("mysql://" + record.mysql.user + "@" + record.mysql.host + ":" +
                 std::to_string(record.mysql.port) + "/" + record.mysql.database)
       << "\n"
       << "password_file = " << file("secrets/db") << "\n"
       << "\n[admin]\n"
       << "token_file = " << file("secrets/admin-token") << "\n"
       << "\n[drain]\n"
       << "notice = \"1s\"  # The balancer here looks twice a second.\n";
  const fs::path path = folder / "meerkat.toml";
  if (auto written = write_private_file(path, toml.str()); !written) return written.error();
  return path;
}

Result<void> ensure_secrets(const ClusterRecord& record) {
  const fs::path folder = record.folder / "secrets";
  std::error_code error;
  fs::create_directories(folder, error);
  for (const char* name : {"peers", "db"}) {
    if (fs::exists(folder / name)) continue;
    if (auto written = write_private_file(folder / name, random_secret()); !written) {
      return written.error();
    }
  }
  return write_private_file(folder / "admin-token", "dev");
}

Result<std::string> read_secret(const ClusterRecord& record, const std::string& name) {
  const fs::path path = record.folder / "secrets" / name;
  std::ifstream file(path);
  if (!file) return Fault{"cannot read " + path.string(), "cluster up"};
  std::string text((std::istreambuf_iterator<char>(file)), {});
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  return text;
}

}  // namespace cluster
