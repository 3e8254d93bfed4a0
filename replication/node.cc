#include "replication/node.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cstring>
#include <utility>

#include "replication/asio_environment.h"
#include "replication/mesh.h"
#include "replication/node_state.h"

namespace replication {
namespace {

std::uint64_t start_stamp() {
  auto now = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(now).count());
}

// What all who know the secret can agree upon without a word, and nobody else can guess.
std::uint64_t seed_of_cluster(std::string_view secret) {
  constexpr std::string_view label = "meerkat table shards 1";
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  [[maybe_unused]] const auto* done = HMAC(
      EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
      reinterpret_cast<const unsigned char*>(label.data()), label.size(), digest.data(), &size);
  assert(done != nullptr);
  std::uint64_t seed = 0;
  std::memcpy(&seed, digest.data(), sizeof seed);
  return seed;
}

NodeOptions checked(NodeOptions options) {
  assert(!options.name.empty() && options.name.size() <= node_name_bytes_max);
  assert(!options.cluster.empty() && options.cluster.size() <= node_name_bytes_max);
  assert(!options.secret.empty());
  assert(options.protocol.min <= options.protocol.max);
  assert(options.frame_bytes_max >= 512 * 1024);  // The largest record and one turn of a log.
  if (options.incarnation == 0) options.incarnation = start_stamp();
  return options;
}

}  // namespace

NodeState::NodeState(NodeOptions node_options, Events& node_events,
                     std::unique_ptr<Environment> node_environment)
    : environment(std::move(node_environment)),
      options(checked(std::move(node_options))),
      id{options.name, options.incarnation},
      events(node_events),
      owners(id, {.queue_bytes_max = options.link_queue_bytes_max,
                  .frame_bytes_max = options.frame_bytes_max}),
      mesh(std::make_unique<Mesh>(*this)) {}

NodeState::~NodeState() = default;

TableCore& NodeState::add_table(std::string name, TableOptions table_options) {
  assert(!started);
  assert(!name.empty() && name.size() <= 255);
  assert(std::none_of(tables.begin(), tables.end(),
                      [&](const auto& table) { return table->name() == name; }));
  tables.push_back(
      std::make_unique<TableCore>(std::move(name), table_options, owners, options.log_ring_bytes,
                                  TableCore::HashSeeds{.cluster = seed_of_cluster(options.secret),
                                                       .node = environment->random_number()},
                                  [this](Wake wake) { this->wake(wake); }));
  return *tables.back();
}

void NodeState::wake(Wake wake) { mesh->wake(wake); }

TableCore& open_table(NodeState& node, std::string name, TableOptions options) {
  return node.add_table(std::move(name), options);
}

Node::Node(NodeOptions options, Events& events)
    : Node(std::move(options), events, asio_environment()) {}

Node::Node(NodeOptions options, Events& events, std::unique_ptr<Environment> environment)
    : state_(std::make_unique<NodeState>(std::move(options), events, std::move(environment))) {}

Node::~Node() = default;

void Node::on_message(MessageHandler handler) {
  assert(!state_->started);
  state_->message_handler = std::move(handler);
}

void Node::on_undelivered(UndeliveredHandler handler) {
  assert(!state_->started);
  state_->undelivered_handler = std::move(handler);
}

Result<void> Node::start() {
  assert(!state_->started);
  state_->started = true;
  return state_->mesh->start();
}

void Node::stop(std::chrono::milliseconds drain) {
  stop(drain, [] {});
  state_->environment->join();
}

void Node::stop(std::chrono::milliseconds drain, std::function<void()> done) {
  state_->mesh->leave(drain, std::move(done));
}

void Node::set_peers(std::vector<PeerAddress> peers) { state_->mesh->set_peers(std::move(peers)); }

void Node::use_tls(std::shared_ptr<const LinkTls> tls) { state_->mesh->use_tls(std::move(tls)); }

std::uint16_t Node::listen_port() const { return state_->mesh->listen_port(); }

const NodeId& Node::id() const { return state_->id; }

const NodeId& Node::id(NodeRef ref) const { return state_->owners.id(ref); }

Result<NodeRef> Node::ref(const NodeId& id) const { return state_->owners.find(id); }

bool Node::alive(NodeRef ref) const { return state_->owners.alive(ref); }

bool Node::reachable(NodeRef ref) const {
  return state_->owners.life(ref) == Owners::Life::reachable;
}

Result<void> Node::send(NodeRef to, std::string_view payload) {
  if (to == self_ref || !state_->owners.known(to)) return make_error_code(Errc::unknown_node);
  auto taken = state_->owners.owner(to).outbox.push(payload);
  if (taken) state_->wake(Wake::at_once);
  return taken;
}

Result<void> Node::send(const NodeId& to, std::string_view payload) {
  auto ref = state_->owners.find(to);
  if (!ref) return ref.error();
  return send(*ref, payload);
}

bool Node::joined() const { return state_->mesh->joined(); }

bool Node::wait_joined(Deadline deadline) const { return state_->mesh->wait_joined(deadline); }

std::vector<PeerStatus> Node::peers() const { return state_->mesh->peers(); }

std::vector<TableStatus> Node::tables() const {
  std::vector<TableStatus> statuses;
  for (const auto& table : state_->tables) statuses.push_back(table->status());
  return statuses;
}

RefusalCounts Node::refusals() const { return state_->mesh->refusals(); }

}  // namespace replication
