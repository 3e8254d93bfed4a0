#include "server/storage/key.h"

#include "server/storage/error.h"
#include "xmpp/escape.h"

namespace server {
namespace {

constexpr std::size_t key_bytes_max = 1'023;  // RFC 7622 §3.3 and §3.2, and the columns'.

}  // namespace

// hardening Q3, Q4
boost::system::error_code check_key(std::string_view key) {
  if (key.size() > key_bytes_max) return make_error_code(StorageErrc::too_long);
  const bool is_sound = !key.empty() && key.back() != ' ' &&
                        key.find('\0') == std::string_view::npos && xmpp::is_utf8(key);
  return is_sound ? boost::system::error_code() : make_error_code(StorageErrc::bad_key);
}

}  // namespace server
