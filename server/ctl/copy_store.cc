#include "server/ctl/copy_store.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <iomanip>

#include "server/ctl/configured_storage.h"
#include "server/storage/store_copy.h"

namespace server::ctl {
namespace {

namespace json = boost::json;

}  // namespace

ExitCode copy_store(const StoreCopy& copy, Terminal terminal) {
  const auto from = configured_storage(copy.from, terminal.err);
  const auto to = configured_storage(copy.to, terminal.err);
  if (!from || !to) return bad_command_line;
  const auto copied = server::copy_store(from->options, to->options,
                                         copy.replaces ? CopyOnto::anything : CopyOnto::empty_only);
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
