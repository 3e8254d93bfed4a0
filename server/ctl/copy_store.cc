#include "server/ctl/copy_store.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <iomanip>
#include <optional>

#include "server/config/load.h"
#include "server/config/secret.h"
#include "server/node/storage_options.h"
#include "server/storage/store_copy.h"

namespace server::ctl {
namespace {

namespace json = boost::json;

/// Absent: what is wrong has been said.
std::optional<StorageOptions> storage_of(const std::string& file, std::ostream& err) {
  const auto loaded = load_config({"--config=" + file});
  if (loaded.has_error()) {
    err << render(loaded.error());
    return std::nullopt;
  }
  Secret password;
  const auto& mysql = loaded->config.mysql;
  if (mysql && !mysql->password_file.empty()) {
    auto read = read_secret(mysql->password_file);
    if (read.has_error()) {
      err << "meerkatctl: " << read.error().message << "\n  fix: " << read.error().fix << "\n";
      return std::nullopt;
    }
    password = *std::move(read);
  }
  return storage_options(*loaded, password);
}

}  // namespace

ExitCode copy_store(const StoreCopy& copy, Terminal terminal) {
  const auto from = storage_of(copy.from, terminal.err);
  const auto to = storage_of(copy.to, terminal.err);
  if (!from || !to) return bad_command_line;
  const auto copied =
      server::copy_store(*from, *to, copy.replaces ? CopyOnto::anything : CopyOnto::empty_only);
  if (copied.has_error()) {
    terminal.err << "meerkatctl: nothing was copied: " << copied.error() << "\n";
    return check_failed;
  }
  if (terminal.is_json) {
    json::array tables;
    for (const CopiedTable& table : *copied) {
      tables.push_back(json::object{{"table", table.name}, {"rows", table.rows}});
    }
    terminal.out << json::serialize(json::object{{"copied", std::move(tables)}}) << "\n";
    return done;
  }
  for (const CopiedTable& table : *copied) {
    terminal.out << std::left << std::setw(20) << table.name << std::right << std::setw(12)
                 << table.rows << " rows\n";
  }
  return done;
}

}  // namespace server::ctl
