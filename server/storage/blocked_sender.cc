#include "server/storage/blocked_sender.h"

#include "server/blocking/block_list.h"

namespace server {

bool blocks(SqlConnection& db, std::string_view local, std::string_view domain,
            const xmpp::Jid& sender) {
  const auto rows =
      db.query("SELECT content FROM documents WHERE localpart = ? AND domainpart = ? AND name = ?",
               {local, domain, std::string_view(BlockList::document_name)});
  if (!rows->next()) return false;
  const auto list = BlockList::parse(rows->text(0));
  return list && list->blocks(sender);
}

}  // namespace server
