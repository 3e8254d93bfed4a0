#include "server/transfer/import.h"

#include <algorithm>
#include <chrono>
#include <fstream>
#include <optional>
#include <utility>

#include "server/transfer/account_draft.h"
#include "server/transfer/file_reader.h"
#include "server/transfer/import_batch.h"
#include "xmpp/namespaces.h"

namespace server {
namespace {

using Kind = FilePiece::Kind;

constexpr std::size_t unknown_max = 1'000;  // Different ones that are counted.

// Of one account, before its messages: a hundred times what clients can store.
constexpr std::size_t account_bytes_max = 256 << 20;

std::uint64_t microseconds_now() {
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(
                                        std::chrono::system_clock::now().time_since_epoch())
                                        .count());
}

class Import {
 public:
  Import(SqlDatabase& database, const ImportOptions& options,
         const std::function<void(const ImportFault&)>& on_fault)
      : database_(database),
        options_(options),
        on_fault_(on_fault),
        batch_(database, options.replaces, [this](const AccountRow& row, std::string why) {
          refuse(row.line, std::string(row.account.str()), std::move(why));
        }) {}

  ImportReport run(ImportSource& source) {
    folder_ = source.folder;
    report_.is_whole = read(source.stream, source.name, FileRoot::any) && write();
    return std::move(report_);
  }

 private:
  /// False when no more is to be read.
  bool read(std::istream& stream, const std::string& name, FileRoot root);
  bool take(FilePiece& piece);
  bool include(const FilePiece& piece);
  void enter_host(const FilePiece& piece);
  void enter_user(FilePiece& piece);
  bool take_element(const FilePiece& piece);
  bool take_message(const FilePiece& piece, Form<FileMessage> message, Moved what);
  bool end_user(std::size_t line);
  void add_account(std::size_t line);
  std::string account_now() const {
    return user_ ? std::string(user_->account().str()) : std::string();
  }
  bool write_if_full() { return !batch_.is_full() || write(); }
  bool write();
  void tell_left_out(std::size_t line);
  void note_unknown(const std::string& element);
  void refuse(std::size_t line, std::string account, std::string why);

  SqlDatabase& database_;
  const ImportOptions& options_;
  const std::function<void(const ImportFault&)>& on_fault_;
  ImportBatch batch_;
  ImportReport report_;
  const std::uint64_t now_ = microseconds_now();

  std::filesystem::path folder_;
  std::string file_;               // The one that is read now.
  std::optional<xmpp::Jid> host_;  // Of what is read now; none where it is left out.

  // The user that is read now; none where it is left out.
  std::optional<AccountDraft> user_;
  std::size_t user_bytes_ = 0;
  std::optional<AccountRow> written_;  // It is in front of its messages.
  MessageId last_offline_, last_archived_;
};

bool Import::read(std::istream& stream, const std::string& name, FileRoot root) {
  const std::string outer = std::exchange(file_, name);
  FileReader reader(stream, root);
  bool goes_on = true;
  while (goes_on) {
    FilePiece piece = reader.next();
    if (piece.kind == Kind::end) break;
    goes_on = take(piece) && !(options_.stops && report_.faults > 0);
  }
  file_ = outer;
  return goes_on;
}

bool Import::take(FilePiece& piece) {
  switch (piece.kind) {
    case Kind::host:
      enter_host(piece);
      return true;
    case Kind::user:
      enter_user(piece);
      return true;
    case Kind::element:
      return take_element(piece);
    case Kind::user_end:
      return end_user(piece.line);
    case Kind::include:
      return include(piece);
    case Kind::unknown:
      note_unknown(piece.text);
      return true;
    case Kind::left_out:
      refuse(piece.line, account_now(), piece.text);
      return true;
    case Kind::broken:
      // Nothing is made of half a user: done again, what is there would be taken for all.
      refuse(piece.line, account_now(), "nothing behind this could be read: " + piece.text);
      user_.reset();
      write();
      return false;
    case Kind::end:
      break;
  }
  return true;
}

// XEP-0227 §4: a relative path, read from where this file is.
bool Import::include(const FilePiece& piece) {
  const std::filesystem::path path(piece.text);
  const bool leads_out = path.is_absolute() || std::ranges::find(path, "..") != path.end();
  if (folder_.empty() || piece.text.empty() || leads_out) {
    refuse(piece.line, {},
           "the file " + piece.text + " is not included: not in the folder of this one");
    return true;
  }
  std::ifstream stream(folder_ / path, std::ios::binary);
  if (!stream) {
    refuse(piece.line, {}, "the file " + (folder_ / path).string() + " cannot be read");
    return true;
  }
  return read(stream, (folder_ / path).string(), piece.root);
}

void Import::enter_host(const FilePiece& piece) {
  auto host = xmpp::Jid::make({}, piece.text);
  host_.reset();
  if (!host) {
    refuse(piece.line, piece.text, "the host's name is none");
  } else if (std::ranges::find(options_.domains, host->domain()) == options_.domains.end()) {
    refuse(piece.line, piece.text, "the domain is not served here; its users are left out");
  } else {
    host_ = *std::move(host);
  }
}

void Import::enter_user(FilePiece& piece) {
  user_.reset();
  if (!host_) return;
  auto account = xmpp::Jid::make(piece.text, host_->domain());
  if (!account || !account->has_local()) {
    refuse(piece.line, piece.text + "@" + std::string(host_->domain()), "the user's name is none");
    return;
  }
  user_.emplace(*std::move(account), piece.line, std::move(piece.password));
  user_bytes_ = 0;
  written_.reset();
  last_offline_ = last_archived_ = {};
  tell_left_out(piece.line);
}

bool Import::take_element(const FilePiece& piece) {
  if (!user_) return true;
  const auto parsed = xmpp::Stanza::parse(piece.text, xmpp::ns::client, file_limits);
  if (!parsed) {
    refuse(piece.line, account_now(), "an element that XMPP does not allow");
    return true;
  }
  const xmpp::Element element = parsed->root();
  if (piece.box == FileBox::offline_messages) {
    return take_message(piece, read_offline(element, user_->account(), last_offline_, now_),
                        Moved::offline_message);
  }
  if (piece.box == FileBox::archive) {
    return take_message(piece, read_archived(element, last_archived_), Moved::archived_message);
  }
  user_bytes_ += piece.text.size();
  if (user_bytes_ > account_bytes_max) {
    refuse(piece.line, account_now(), "more than 256 MiB besides messages");
    return true;
  }
  if (!user_->take(element)) {
    note_unknown("<" + std::string(element.name()) + " xmlns='" + std::string(element.ns()) +
                 "'/>");
  }
  tell_left_out(piece.line);
  return true;
}

bool Import::take_message(const FilePiece& piece, Form<FileMessage> message, Moved what) {
  if (message.has_error()) {
    refuse(piece.line, account_now(), message.error().why);
    return true;
  }
  if (!written_) batch_.add(written_.emplace(user_->row()));
  (what == Moved::offline_message ? last_offline_ : last_archived_) = message->id;
  batch_.add(MessageRow{user_->account(), what, *std::move(message)});
  return write_if_full();
}

bool Import::end_user(std::size_t line) {
  if (!user_) return true;
  std::vector<DocumentRow> documents = user_->documents();
  tell_left_out(line);
  const AccountRow account = user_->row();
  if (account.keys.sha1 && !account.keys.sha256) ++report_.accounts_with_sha1_only;
  add_account(line);
  bool goes_on = write_if_full();
  for (DocumentRow& document : documents) {
    batch_.add(std::move(document));
    goes_on = goes_on && write_if_full();
  }
  user_.reset();
  return goes_on;
}

void Import::add_account(std::size_t line) {
  AccountRow row = user_->row();
  if (!written_) return batch_.add(std::move(row));
  const Credentials& before = written_->keys;
  if (row.keys.sha1.has_value() == before.sha1.has_value() &&
      row.keys.sha256.has_value() == before.sha256.has_value()) {
    return;
  }
  if (before.sha1 || before.sha256) {
    return refuse(line, account_now(), "credentials behind the messages, and others before them");
  }
  row.is_counted = false;
  batch_.add(std::move(row));
}

bool Import::write() {
  const auto done = batch_.write(report_.counts);
  if (done.has_value()) return true;
  const std::string detail = database_.health().last_failure;
  report_.failure = done.error().message() + (detail.empty() ? "" : ": " + detail);
  return false;
}

void Import::tell_left_out(std::size_t line) {
  for (LeftOut& left_out : user_->take_left_out()) {
    refuse(line, account_now(), std::move(left_out.why));
  }
}

void Import::note_unknown(const std::string& element) {
  const auto known = report_.unknown.find(element);
  if (known != report_.unknown.end()) {
    ++known->second;
  } else if (report_.unknown.size() < unknown_max) {
    report_.unknown[element] = 1;
  }
}

void Import::refuse(std::size_t line, std::string account, std::string why) {
  ++report_.faults;
  on_fault_({file_, line, std::move(account), std::move(why)});
}

}  // namespace

ImportReport import_accounts(SqlDatabase& database, ImportSource source,
                             const ImportOptions& options,
                             const std::function<void(const ImportFault&)>& on_fault) {
  return Import(database, options, on_fault).run(source);
}

}  // namespace server
