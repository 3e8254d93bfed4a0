#include "tools/cluster/control_client.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <boost/json/serialize.hpp>
#include <cerrno>
#include <cstring>
#include <string_view>

namespace cluster {

namespace {

/// Closes a descriptor at the end of its scope.
class Descriptor {
 public:
  explicit Descriptor(int descriptor) : descriptor_(descriptor) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  [[nodiscard]] int get() const { return descriptor_; }

 private:
  int descriptor_;
};

}  // namespace

Result<Reply> send_command(const std::filesystem::path& socket_path,
                           const boost::json::object& command,
                           const std::function<void(const std::string&)>& on_progress) {
  const Fault away{"no supervisor answers on " + socket_path.string(), "cluster up"};
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = socket_path.string();
  if (path.size() >= sizeof address.sun_path) return away;
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  const Descriptor connection(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (connect(connection.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return away;
  }
  std::string line = boost::json::serialize(command) + "\n";
  for (std::string_view rest = line; !rest.empty();) {
    const ssize_t sent = send(connection.get(), rest.data(), rest.size(), MSG_NOSIGNAL);
    if (sent < 0) return away;
    rest.remove_prefix(static_cast<std::size_t>(sent));
  }
  return read_reply(connection.get(), on_progress);
}

Result<Reply> read_reply(int descriptor,
                         const std::function<void(const std::string&)>& on_progress) {
  std::string pending;
  std::array<char, 16 * 1024> buffer{};
  while (true) {
    const ssize_t size = read(descriptor, buffer.data(), buffer.size());
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0 || pending.size() > line_bytes_max) {
      return Fault{"the supervisor ended before it replied", "cluster logs"};
    }
    pending.append(buffer.data(), static_cast<std::size_t>(size));
    for (auto end = pending.find('\n'); end != std::string::npos; end = pending.find('\n')) {
      const auto message = parse_message(std::string_view(pending).substr(0, end));
      if (!message) return message.error();
      if (message->last) return message->reply;
      on_progress(message->progress);
      pending.erase(0, end + 1);
    }
  }
}

}  // namespace cluster
