#include "tools/cluster/table.h"

#include <algorithm>
#include <array>
#include <cstdio>

namespace cluster {

namespace {

std::size_t width_of(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;  // Not inside a UTF-8 character.
  }));
}

std::string loopback(std::uint16_t port) { return "127.0.0.1:" + std::to_string(port); }

/// "10,112": grouped, as people read figures.
std::string grouped(std::uint64_t number) {
  std::string text = std::to_string(number);
  for (std::size_t place = text.size(); place > 3; place -= 3) text.insert(place - 3, ",");
  return text;
}

/// A path as seen from the working directory where that is shorter.
std::string short_path(const std::filesystem::path& path) {
  std::error_code error;
  const auto relative = std::filesystem::proximate(path, error);
  return error || relative.string().starts_with("..") ? path.string() : relative.string();
}

}  // namespace

std::string columns(const std::vector<std::vector<std::string>>& rows, const std::string& indent) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width_of(row[i]));
  }
  std::string text;
  for (const auto& row : rows) {
    std::string line = indent;
    for (std::size_t i = 0; i < row.size(); ++i) {
      line += row[i] + std::string(widths[i] - width_of(row[i]) + 2, ' ');
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

std::string address_table(const ClusterRecord& record, const std::string& command) {
  using Service = PortPlan::Service;
  std::vector<std::vector<std::string>> rows{
      {"node", "state", "c2s (STARTTLS)", "TLS", "peers", "health", "admin API"}};
  for (const NodeRecord& node : record.nodes) {
    const auto port = [&](Service service) { return record.ports.of(node.number, service); };
    const auto digits = [&](Service service) { return std::to_string(port(service)); };
    rows.push_back({node.name, std::string(name_of(node.phase)), loopback(port(Service::c2s)),
                    digits(Service::c2s_tls), digits(Service::peers), digits(Service::health),
                    "http://" + loopback(port(Service::admin))});
  }
  rows.push_back({"any", "", loopback(record.ports.any())});
  std::string text = columns(rows, "  ");
  const auto any = text.rfind("any ");
  const auto end = text.find('\n', any);
  text.insert(end, "   to the ready node with the fewest sessions");

  const std::string name = record.name == "default" ? "" : " --name=" + record.name;
  text += "  log in as    romeo@" + record.domain + " / romeo, juliet@" + record.domain +
          " / juliet     trust " + short_path(record.certificate_authority()) + "\n";
  if (record.accounts.count > 0) {
    text += "  for load     " + record.accounts.prefix + "0 to " + record.accounts.prefix +
            std::to_string(record.accounts.count - 1) + " / " + record.accounts.password + "\n";
  }
  text +=
      "  elsewhere    " + command + name + " status | add | kill n2 | upgrade --to=next | down\n";
  // `./meerkat cluster` has `./meerkat load` beside it; alone, the programs have their own names.
  const auto script = command.rfind(" cluster");
  const std::string load =
      script == std::string::npos ? "meerkat-load" : command.substr(0, script) + " load";
  text += "               " + load + " run chat --cluster" +
          (record.name == "default" ? "" : "=" + record.name) + "\n";
  return text;
}

std::string status_table(const ClusterRecord& record,
                         const std::function<std::uint64_t(const std::string&)>& sessions) {
  using Service = PortPlan::Service;
  std::vector<std::vector<std::string>> rows{
      {"node", "state", "version", "sessions", "c2s (STARTTLS)", "health", "pid"}};
  std::uint64_t total = 0;
  for (const NodeRecord& node : record.nodes) {
    const std::uint64_t here = sessions(node.name);
    total += here;
    const auto at = [&](Service service) {
      return loopback(record.ports.of(node.number, service));
    };
    const std::string pid = node.process.pid == 0 ? "-" : std::to_string(node.process.pid);
    rows.push_back({node.name, std::string(name_of(node.phase)),
                    node.version.empty() ? "-" : node.version, grouped(here), at(Service::c2s),
                    at(Service::health), pid});
  }
  const MysqlRecord& mysql = record.mysql;
  const std::string database = "mysql://" + mysql.user + "@" + mysql.host + ":" +
                               std::to_string(mysql.port) + "/" + mysql.database;
  return columns(rows, "  ") + "  any " + loopback(record.ports.any()) + "   sessions " +
         grouped(total) + "   MySQL " + (mysql.running ? "ready" : "stopped") + " " + database +
         "\n";
}

}  // namespace cluster
