#include "tools/cluster/state.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <boost/json/value_from.hpp>
#include <boost/json/value_to.hpp>
#include <cerrno>
#include <exception>
#include <fstream>
#include <iterator>
#include <system_error>
#include <utility>

namespace cluster {

namespace json = boost::json;
namespace fs = std::filesystem;

namespace {

constexpr std::array phase_names{
    std::pair{NodePhase::starting, std::string_view("starting")},
    std::pair{NodePhase::ready, std::string_view("ready")},
    std::pair{NodePhase::draining, std::string_view("draining")},
    std::pair{NodePhase::paused, std::string_view("paused")},
    std::pair{NodePhase::stopped, std::string_view("stopped")},
    std::pair{NodePhase::failed, std::string_view("failed")},
};

std::string loopback(std::uint16_t port) { return "127.0.0.1:" + std::to_string(port); }

std::string text_at(const json::object& object, std::string_view key) {
  return json::value_to<std::string>(object.at(key));
}

template <class Number>
Number number_at(const json::object& object, std::string_view key) {
  return json::value_to<Number>(object.at(key));
}

NodePhase phase_named(std::string_view name) {
  for (const auto& [phase, text] : phase_names) {
    if (text == name) return phase;
  }
  return NodePhase::failed;  // Written by a newer supervisor; its commands go to that one anyway.
}

ProcessKey process_at(const json::object& object) {
  return {number_at<pid_t>(object, "pid"), number_at<std::uint64_t>(object, "start_ticks")};
}

NodeRecord node_from_json(const json::object& object) {
  NodeRecord node;
  node.name = text_at(object, "name");
  node.number = number_at<unsigned>(object, "number");
  node.phase = phase_named(text_at(object, "state"));
  node.version = text_at(object, "version");
  node.program = text_at(object, "program");
  node.process = process_at(object);
  return node;
}

}  // namespace

std::string_view name_of(NodePhase phase) {
  for (const auto& [known, text] : phase_names) {
    if (known == phase) return text;
  }
  return "failed";
}

json::object to_json(const NodeRecord& node, const PortPlan& ports) {
  using Service = PortPlan::Service;
  const auto at = [&](Service service) { return loopback(ports.of(node.number, service)); };
  return {{"name", node.name},
          {"number", node.number},
          {"state", name_of(node.phase)},
          {"version", node.version},
          {"program", node.program.string()},
          {"c2s", at(Service::c2s)},
          {"c2s_tls", at(Service::c2s_tls)},
          {"websocket", at(Service::websocket)},
          {"peers", at(Service::peers)},
          {"health", at(Service::health)},
          {"admin", at(Service::admin)},
          {"pid", node.process.pid},
          {"start_ticks", node.process.start_ticks}};
}

json::object to_json(const ClusterRecord& record) {
  json::array nodes;
  for (const NodeRecord& node : record.nodes) nodes.push_back(to_json(node, record.ports));
  const MysqlRecord& mysql = record.mysql;
  return {{"schema", 1},
          {"name", record.name},
          {"domain", record.domain},
          {"folder", record.folder.string()},
          {"ca", record.certificate_authority().string()},
          {"port_base", record.ports.base},
          {"any", loopback(record.ports.any())},
          {"program", record.program.string()},
          {"previous_program", record.previous_program.string()},
          {"admin_token_file", (record.folder / "secrets" / "admin-token").string()},
          {"supervisor",
           {{"pid", record.supervisor.pid}, {"start_ticks", record.supervisor.start_ticks}}},
          {"gates", record.gates},
          {"peer_tls", record.peer_tls},
          {"settings", json::value_from(record.settings)},
          {"nodes", std::move(nodes)},
          {"mysql",
           {{"external", mysql.external},
            {"running", mysql.running},
            {"host", mysql.host},
            {"port", mysql.port},
            {"user", mysql.user},
            {"database", mysql.database},
            {"socket", mysql.socket},
            {"pid", mysql.process.pid},
            {"start_ticks", mysql.process.start_ticks}}},
          {"accounts",
           {{"prefix", record.accounts.prefix},
            {"password", record.accounts.password},
            {"count", record.accounts.count}}}};
}

Result<ClusterRecord> cluster_from_json(const json::object& object) {
  // Boost.JSON reports a missing or mistyped member by exception; the file is ours, so that is
  // a damaged file and needs no finer words.
  try {
    ClusterRecord record;
    record.name = text_at(object, "name");
    record.domain = text_at(object, "domain");
    record.folder = text_at(object, "folder");
    record.ports.base = number_at<std::uint16_t>(object, "port_base");
    record.program = text_at(object, "program");
    record.previous_program = text_at(object, "previous_program");
    record.supervisor = process_at(object.at("supervisor").as_object());
    record.gates = object.at("gates").as_bool();
    record.peer_tls = object.at("peer_tls").as_bool();
    record.settings = json::value_to<std::vector<std::string>>(object.at("settings"));
    for (const json::value& node : object.at("nodes").as_array()) {
      record.nodes.push_back(node_from_json(node.as_object()));
    }
    const json::object& mysql = object.at("mysql").as_object();
    record.mysql = {.external = mysql.at("external").as_bool(),
                    .running = mysql.at("running").as_bool(),
                    .host = text_at(mysql, "host"),
                    .port = number_at<std::uint16_t>(mysql, "port"),
                    .user = text_at(mysql, "user"),
                    .database = text_at(mysql, "database"),
                    .socket = text_at(mysql, "socket"),
                    .process = process_at(mysql)};
    const json::object& accounts = object.at("accounts").as_object();
    record.accounts = {.prefix = text_at(accounts, "prefix"),
                       .password = text_at(accounts, "password"),
                       .count = number_at<std::uint64_t>(accounts, "count")};
    return record;
  } catch (const std::exception& failure) {
    return Fault{std::string("not a cluster.json of this program: ") + failure.what(), ""};
  }
}

Result<void> write_private_file(const fs::path& path, std::string_view text) {
  const std::string temporary = path.string() + ".new";
  const auto fault = [&](int error) {
    return Fault{"cannot write " + path.string() + ": " + std::generic_category().message(error),
                 ""};
  };
  const int fd = open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return fault(errno);
  while (!text.empty()) {
    const ssize_t written = write(fd, text.data(), text.size());
    if (written < 0) {
      const int error = errno;
      close(fd);
      return fault(error);
    }
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  close(fd);
  if (rename(temporary.c_str(), path.c_str()) != 0) return fault(errno);
  return {};
}

Result<void> write_record(const ClusterRecord& record) {
  return write_private_file(record.folder / "cluster.json",
                            json::serialize(to_json(record)) + "\n");
}

Result<ClusterRecord> read_record(const fs::path& folder) {
  const fs::path path = folder / "cluster.json";
  std::ifstream file(path);
  if (!file) {
    return Fault{"there is no cluster here: " + path.string() + " does not exist", "cluster up"};
  }
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  boost::system::error_code error;
  const json::value value = json::parse(text, error);
  if (error || !value.is_object()) {
    return Fault{path.string() + " is damaged", "cluster reset"};
  }
  return cluster_from_json(value.as_object());
}

}  // namespace cluster
