#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "server/storage/credentials.h"
#include "server/storage/sql.h"
#include "server/transfer/counts.h"
#include "server/transfer/forms.h"
#include "xmpp/jid.h"
#include "xmpp/sasl/secret.h"

namespace server {

struct AccountRow {
  xmpp::Jid account;
  std::size_t line = 0;
  Credentials keys{};
  std::optional<xmpp::Secret> password{};  ///< In the place of `keys`.
  bool is_counted = true;                  ///< False for one that was added before.
};

struct DocumentRow {
  xmpp::Jid account;
  Moved what = Moved::other;
  std::string name, content;
};

struct MessageRow {
  xmpp::Jid account;
  Moved what = Moved::archived_message;  ///< Or offline_message.
  FileMessage message;
};

/// Rows that become one transaction. What is there already stays as it is, so that an import that
/// was cut off is done again; or, for accounts and documents, is replaced.
///
/// Keys are checked as they come in, so what a database refuses is not of the file's making.
class ImportBatch {
 public:
  /// Told of a password that cannot be one.
  using Refuse = std::function<void(const AccountRow& row, std::string why)>;

  ImportBatch(SqlDatabase& database, bool replaces, Refuse refuse)
      : database_(database), replaces_(replaces), refuse_(std::move(refuse)) {}

  void add(AccountRow row);
  void add(DocumentRow row);
  void add(MessageRow row);

  [[nodiscard]] bool is_full() const { return rows_.size() >= rows_max || bytes_ >= bytes_max; }

  /// Does all or nothing, and is empty then.
  Result<void> write(MovedCounts& counts);

 private:
  static constexpr std::size_t rows_max = 500;
  static constexpr std::size_t bytes_max = 4 << 20;
  using Row = std::variant<AccountRow, DocumentRow, MessageRow>;

  Result<void> derive_keys();
  Result<void> write_row(SqlConnection& db, const AccountRow& row, MovedCounts& counts) const;
  Result<void> write_row(SqlConnection& db, const DocumentRow& row, MovedCounts& counts) const;
  Result<void> write_row(SqlConnection& db, const MessageRow& row, MovedCounts& counts) const;

  SqlDatabase& database_;
  const bool replaces_;
  const Refuse refuse_;
  std::vector<Row> rows_;
  std::size_t bytes_ = 0;
};

}  // namespace server
