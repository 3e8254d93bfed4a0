// The part of SessionPresence that names the account's avatar (XEP-0398 §5).

#include <utility>

#include "server/pep/avatar.h"
#include "server/presence/photo_hash.h"
#include "server/presence/session_presence.h"

namespace server {

// Before the contacts, who are then told once. What cannot be read is told with the next change.
asio::awaitable<void> SessionPresence::photo_read(xmpp::Jid account) {
  const auto avatar = co_await read_avatar_name(services_.pep, account, account);
  if (has_left_ || avatar.has_error()) co_return;
  const std::string former = std::exchange(photo_, avatar->id);
  if (!state_.last.empty()) state_.last = with_photo_hash(state_.last, photo_, former);
}

void SessionPresence::on_avatar(const std::string& hash) {
  const std::string former = std::exchange(photo_, hash);
  if (hash == former || state_.last.empty()) return;
  state_.last = with_photo_hash(state_.last, hash, former);
  tell(jid_.bare_str(), own("", state_.last));
  if (state_.contacts) broadcast(own("", state_.last));
}

}  // namespace server
