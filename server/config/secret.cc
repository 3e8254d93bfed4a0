#include "server/config/secret.h"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

#include "xmpp/sasl/scram.h"

namespace server {
namespace {

constexpr std::size_t secret_bytes_max = 1023;  // RFC 4616 passwords, too, end there.

boost::system::result<Secret, SecretFault> fault(std::string message, std::string fix) {
  return SecretFault{std::move(message), std::move(fix)};
}

/// Closes a descriptor at the end of a scope.
class File {
 public:
  explicit File(int descriptor) : descriptor_(descriptor) {}
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  int get() const { return descriptor_; }

 private:
  int descriptor_;
};

bool is_placeholder(std::string_view value) {
  for (const std::string_view known : {"changeme", "change-me", "change_me", "CHANGEME",
                                       "CHANGE_ME", "placeholder", "example", "TODO"}) {
    if (value == known) return true;
  }
  return false;
}

}  // namespace

boost::system::result<Secret, SecretFault> read_secret(const std::string& path) {
  const File file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) {
    return fault("cannot read " + path + ": " + std::strerror(errno),
                 "a file of one line that this user may read");
  }
  struct stat status;
  if (fstat(file.get(), &status) != 0) {
    return fault("cannot read " + path + ": " + std::strerror(errno), "");
  }
  if ((status.st_mode & S_IROTH) != 0) {
    return fault(path + " can be read by everybody", "chmod 600 " + path);
  }
  std::string bytes(secret_bytes_max + 3, '\0');  // Room for a line end, and for one too many.
  const ssize_t got = read(file.get(), bytes.data(), bytes.size());
  if (got < 0) return fault("cannot read " + path + ": " + std::strerror(errno), "a plain file");
  bytes.resize(static_cast<std::size_t>(got));
  std::string line = bytes.substr(0, bytes.find_first_of("\r\n"));
  OPENSSL_cleanse(bytes.data(), bytes.size());
  if (line.empty()) return fault(path + " is empty", "one line with the secret");
  if (line.size() > secret_bytes_max) {
    return fault(path + " holds more than 1,023 bytes", "one line with the secret");
  }
  if (is_placeholder(line)) {
    return fault(path + " still holds a placeholder", "openssl rand -hex 16 > " + path);
  }
  return Secret(std::move(line));
}

boost::system::result<Secret, SecretFault> read_or_create_token(const std::string& path) {
  const File file(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (file.get() < 0 && errno == EEXIST) return read_secret(path);
  if (file.get() < 0) {
    return fault("cannot make " + path + ": " + std::strerror(errno),
                 "a folder that this user may write to");
  }
  std::string token;
  for (const char byte : xmpp::random_bytes(16)) {
    constexpr std::string_view digits = "0123456789abcdef";
    token += digits[static_cast<unsigned char>(byte) >> 4];
    token += digits[byte & 15];
  }
  const std::string line = token + "\n";
  if (write(file.get(), line.data(), line.size()) != static_cast<ssize_t>(line.size())) {
    return fault("cannot write " + path + ": " + std::strerror(errno), "free space");
  }
  return Secret(std::move(token));
}

}  // namespace server
