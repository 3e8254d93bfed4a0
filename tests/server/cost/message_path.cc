#include "tests/server/cost/message_path.h"

#include <sys/socket.h>

#include <array>
#include <chrono>
#include <stdexcept>
#include <string_view>
#include <utility>
#include <vector>

#include "replication/node.h"
#include "server/config/config.h"
#include "server/pep/notify_filter.h"
#include "server/pep/pep.h"
#include "server/presence/last_activity.h"
#include "server/roster/block_lists.h"
#include "server/roster/rosters.h"
#include "server/session/iq_handlers.h"
#include "server/storage/credentials.h"
#include "server/stream/client_stream.h"
#include "tests/server/roster/documents_in_memory.h"
#include "tests/support/eventually.h"
#include "xmpp/sasl/base64.h"

namespace tests {
namespace {

constexpr std::string_view header =
    "<stream:stream to='localhost' version='1.0' xmlns='jabber:client' "
    "xmlns:stream='http://etherx.jabber.org/streams'>";

/// Accounts that all have one password.
class OnePassword final : public server::UserStore {
 public:
  template <class T>
  using Answer = server::asio::awaitable<server::Result<T>>;

  Answer<std::optional<server::Credentials>> find(std::string, std::string) override {
    co_return std::optional(credentials_);
  }
  Answer<bool> exists(std::string, std::string) override { co_return true; }
  Answer<void> create(std::string, std::string, server::Credentials) override {
    co_return refused();
  }
  Answer<void> set_credentials(std::string, std::string, server::Credentials) override {
    co_return refused();
  }
  Answer<void> remove(std::string, std::string) override { co_return refused(); }
  Answer<std::vector<std::string>> list(std::string, std::string, std::size_t) override {
    co_return std::vector<std::string>();
  }

 private:
  static boost::system::error_code refused() {
    return make_error_code(server::StorageErrc::unavailable);
  }

  server::Credentials credentials_ = *server::derive_credentials("r0m30");
};

}  // namespace

class MessagePath::Node {
 public:
  Node() {
    loops_.push_back(std::make_unique<server::RoutedLoop>(0));
    router_.set_loops(loops_);
    config_.c2s.tls_required = false;
    services_.tls = *server::TlsContext::self_signed({"localhost"});
    juliet = log_in("juliet");
    romeo = log_in("romeo");
  }

  ~Node() {
    for (auto& stream : streams_) stream->on_disconnected({});
    loop().poll();
    pool_.stop();
    loop().poll();
  }

  server::Loop& loop() { return loops_.front()->loop; }

  static void write(const server::Descriptor& socket, std::string_view bytes) {
    if (::send(socket.number(), bytes.data(), bytes.size(), MSG_NOSIGNAL) !=
        static_cast<ssize_t>(bytes.size())) {
      throw std::runtime_error("the socket takes no more");
    }
  }

  /// Turns the loop until `wanted` has come `count` times.
  void hear(const server::Descriptor& socket, std::string_view wanted, std::size_t count = 1) {
    std::string heard;
    const bool came = eventually(std::chrono::seconds(10), [&] {
      loop().poll();
      std::array<char, 65536> bytes;  // NOLINT(*-member-init): written before it is read.
      ssize_t size = 0;
      while ((size = ::recv(socket.number(), bytes.data(), bytes.size(), MSG_DONTWAIT)) > 0) {
        heard.append(bytes.data(), static_cast<std::size_t>(size));
      }
      for (std::size_t at = 0; count > 0 && (at = heard.find(wanted)) != heard.npos; --count) {
        heard.erase(0, at + wanted.size());
      }
      return count == 0;
    });
    if (!came) throw std::runtime_error("waited in vain for " + std::string(wanted));
  }

  server::Descriptor juliet, romeo;

 private:
  server::Descriptor log_in(const std::string& user) {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) != 0) {
      throw std::runtime_error("no sockets");
    }
    streams_.push_back(std::make_shared<server::ClientStream>(
        *loops_.front(), services_, server::Descriptor(ends[0]),
        server::ClientStream::Transport::starttls, [](server::ClientStream&) {}));
    streams_.back()->start();
    server::Descriptor client(ends[1]);
    write(client, header);
    hear(client, "</stream:features>");
    const std::string login =
        std::string(1, '\0') + user + std::string(1, '\0') + std::string("r0m30");
    write(client, "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>" +
                      xmpp::sasl_payload_encode(login) + "</auth>");
    hear(client, "<success ");
    write(client, header);
    hear(client, "</stream:features>");
    write(client,
          "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>"
          "<resource>of the one who waits</resource></bind></iq>");
    hear(client, "</iq>");
    write(client, "<presence/>");
    hear(client, "<presence");
    return client;
  }

  server::Config config_;
  OnePassword users_;
  server::BlockingPool pool_{{.threads = 1}};
  replication::Events events_;
  replication::Node node_{{.cluster = "c", .name = "n1", .secret = "of the test"}, events_};
  server::SessionDirectory directory_{node_};
  server::Router router_{{"localhost"}, directory_, node_};
  server::DocumentsInMemory documents_;
  server::BlockLists blocks_{documents_, directory_, router_, {}};
  server::Rosters rosters_{documents_, router_, blocks_, {}};
  server::LastActivities last_activities_{documents_};
  server::Pep pep_{documents_, rosters_, blocks_, router_};
  server::CapsCache caps_;
  server::IqHandlers handlers_;
  std::vector<std::unique_ptr<server::RoutedLoop>> loops_;
  server::StreamServices services_{
      config_,
      users_,
      pool_,
      {directory_, router_, rosters_, blocks_, last_activities_, pep_, caps_, handlers_}};
  std::vector<std::shared_ptr<server::ClientStream>> streams_;
};

MessagePath::MessagePath()
    : node_(std::make_unique<Node>()),
      message_("<message type='chat' id='a6f0e1c2-7a51' to='romeo@localhost'><body>" +
               std::string(100, 'x') + "</body></message>") {}

MessagePath::~MessagePath() = default;

void MessagePath::send(std::size_t count) {
  std::string bytes;
  for (std::size_t i = 0; i < count; ++i) bytes += message_;
  Node::write(node_->juliet, bytes);
  node_->hear(node_->romeo, "</message>", count);
}

}  // namespace tests
