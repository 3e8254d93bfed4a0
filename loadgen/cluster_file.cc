#include "loadgen/cluster_file.h"

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <fstream>
#include <sstream>

namespace loadgen {
namespace {

namespace json = boost::json;

std::string text_of(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  const auto* text = value == nullptr ? nullptr : value->if_string();
  return text == nullptr ? std::string() : std::string(*text);
}

std::int64_t number_of(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  if (value == nullptr) return 0;
  if (const auto* number = value->if_int64()) return *number;
  if (const auto* number = value->if_uint64()) return static_cast<std::int64_t>(*number);
  return 0;
}

}  // namespace

Result<ClusterFile> parse_cluster_file(std::string_view text) {
  boost::system::error_code error;
  const auto value = json::parse(text, error);
  const auto* root = error ? nullptr : value.if_object();
  if (root == nullptr) return Fault{"cluster.json is not a JSON object"};
  ClusterFile file;
  file.domain = text_of(*root, "domain");
  file.ca = text_of(*root, "ca");
  if (file.domain.empty()) return Fault{"cluster.json names no domain"};
  if (const auto* accounts = root->if_contains("accounts"); accounts && accounts->is_object()) {
    file.accounts_prefix = text_of(accounts->get_object(), "prefix");
    file.accounts_password = text_of(accounts->get_object(), "password");
    file.accounts_count = static_cast<std::uint64_t>(
        std::max<std::int64_t>(0, number_of(accounts->get_object(), "count")));
  }
  const auto* nodes = root->if_contains("nodes");
  if (nodes == nullptr || !nodes->is_array()) return Fault{"cluster.json lists no nodes"};
  for (const auto& one : nodes->get_array()) {
    const auto* object = one.if_object();
    if (object == nullptr) continue;
    ClusterNode node;
    node.name = text_of(*object, "name");
    node.state = text_of(*object, "state");
    node.version = text_of(*object, "version");
    node.c2s = text_of(*object, "c2s");
    node.c2s_tls = text_of(*object, "c2s_tls");
    node.health = text_of(*object, "health");
    node.pid = static_cast<int>(number_of(*object, "pid"));
    if (!node.name.empty()) file.nodes.push_back(std::move(node));
  }
  return file;
}

Result<ClusterFile> read_cluster_file(const std::string& path) {
  std::ifstream file(path);
  if (!file) {
    return Fault{"cannot read " + path + ": is the cluster up? Try: ./meerkat cluster up"};
  }
  std::stringstream text;
  text << file.rdbuf();
  return parse_cluster_file(text.str());
}

}  // namespace loadgen
