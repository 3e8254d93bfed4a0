#include "server/ctl/transfer_store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <cerrno>
#include <cstdio>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <memory>
#include <optional>
#include <system_error>

#include "server/ctl/configured_storage.h"
#include "server/storage/open_database.h"
#include "server/transfer/export.h"
#include "server/transfer/import.h"

namespace server::ctl {
namespace {

namespace json = boost::json;

bool is_standard(const std::string& file) { return file == "-"; }

/// Null: why has been said.
std::unique_ptr<SqlDatabase> open(const StorageOptions& options, StorageEvents& events,
                                  std::ostream& err) {
  auto opened = open_database(options, events);
  if (opened.has_error()) {
    err << "meerkatctl: " << opened.error().detail << "\n";
    return nullptr;
  }
  return *std::move(opened);
}

template <class Visit>
void each_count(const MovedCounts& counts, Visit visit) {
  for (std::size_t i = 0; i < moved_names.size(); ++i) {
    visit(moved_names.at(i), counts[static_cast<Moved>(i)]);
  }
}

/// Makes a file for its owner alone. False: why has been said.
bool make_file(const std::string& path, std::ostream& err) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
  if (file >= 0) {
    ::close(file);
    return true;
  }
  const int error = errno;
  err << "meerkatctl: cannot make " << path << ": " << std::generic_category().message(error)
      << "\n";
  if (error == EEXIST) err << "  fix: name a file that is not there yet\n";
  return false;
}

}  // namespace

ExitCode export_store(const StoreTransfer& transfer, Terminal terminal) {
  const auto storage = configured_storage(transfer.config, terminal.err);
  if (!storage) return bad_command_line;
  StorageEvents events;
  const auto database = open(storage->options, events, terminal.err);
  if (!database) return check_failed;

  std::ofstream file;
  const bool is_file = !is_standard(transfer.file);
  if (is_file) {
    if (!make_file(transfer.file, terminal.err)) return check_failed;
    file.open(transfer.file, std::ios::binary);
  }
  const ExportReport report =
      export_accounts(*database, is_file ? file : terminal.out, [&](const ExportFault& fault) {
        terminal.err << fault.account << ": " << fault.why << "\n";
      });
  if (!report.failure.empty()) {
    if (is_file) std::remove(transfer.file.c_str());
    terminal.err << "meerkatctl: nothing was exported: " << report.failure << "\n";
    return check_failed;
  }
  // Where the export itself goes to standard output, what is said of it does not.
  std::ostream& said = is_file ? terminal.out : terminal.err;
  if (terminal.is_json) {
    json::array counts;
    each_count(report.counts, [&](std::string_view name, const MovedCount& count) {
      counts.push_back(json::object{{"what", name}, {"exported", count.moved}});
    });
    said << json::serialize(
                json::object{{"exported", std::move(counts)}, {"left_out", report.faults}})
         << "\n";
  } else {
    each_count(report.counts, [&](std::string_view name, const MovedCount& count) {
      said << std::left << std::setw(20) << name << std::right << std::setw(12) << count.moved
           << "\n";
    });
  }
  return report.faults == 0 ? done : check_failed;
}

namespace {

void tell_import(const ImportReport& report, Terminal& terminal) {
  if (terminal.is_json) {
    json::array counts;
    each_count(report.counts, [&](std::string_view name, const MovedCount& count) {
      counts.push_back(
          json::object{{"what", name}, {"imported", count.moved}, {"was_there", count.was_there}});
    });
    json::object unknown;
    for (const auto& [element, times] : report.unknown) unknown[element] = times;
    terminal.out << json::serialize(json::object{{"imported", std::move(counts)},
                                                 {"left_out", report.faults},
                                                 {"unknown", std::move(unknown)},
                                                 {"sha1_only", report.accounts_with_sha1_only},
                                                 {"whole", report.is_whole}})
                 << "\n";
    return;
  }
  each_count(report.counts, [&](std::string_view name, const MovedCount& count) {
    terminal.out << std::left << std::setw(20) << name << std::right << std::setw(12) << count.moved
                 << " imported" << std::setw(12) << count.was_there << " were there\n";
  });
  terminal.out << std::left << std::setw(20) << "left out" << std::right << std::setw(12)
               << report.faults << "\n";
  for (const auto& [element, times] : report.unknown) {
    terminal.err << "passed over, as nothing here knows it: " << element << " (" << times
                 << " times)\n";
  }
  if (report.accounts_with_sha1_only > 0) {
    terminal.err << report.accounts_with_sha1_only
                 << " accounts came with credentials for SCRAM-SHA-1 alone: until they have new\n"
                    "passwords, their clients need [c2s] mechanisms without the SHA-256 ones\n";
  }
}

}  // namespace

ExitCode import_store(const StoreTransfer& transfer, Terminal terminal) {
  const auto storage = configured_storage(transfer.config, terminal.err);
  if (!storage) return bad_command_line;

  std::ifstream file;
  const bool is_file = !is_standard(transfer.file);
  std::filesystem::path folder;
  if (is_file) {
    file.open(transfer.file, std::ios::binary);
    if (!file) {
      terminal.err << "meerkatctl: cannot read " << transfer.file << "\n";
      return bad_command_line;
    }
    folder = std::filesystem::absolute(transfer.file).parent_path();
  }
  StorageEvents events;
  const auto database = open(storage->options, events, terminal.err);
  if (!database) return check_failed;
  const ImportReport report = import_accounts(
      *database,
      {.stream = is_file ? file : std::cin,
       .name = is_file ? transfer.file : "standard input",
       .folder = folder},
      {.domains = storage->domains, .replaces = transfer.replaces, .stops = transfer.stops},
      [&](const ImportFault& fault) {
        terminal.err << fault.file << ":" << fault.line << ": ";
        if (!fault.account.empty()) terminal.err << fault.account << ": ";
        terminal.err << fault.why << "\n";
      });
  tell_import(report, terminal);
  if (!report.failure.empty()) {
    terminal.err << "meerkatctl: " << report.failure
                 << "\n  fix: import it again: what came is left as it is\n";
  }
  return report.is_whole && report.faults == 0 ? done : check_failed;
}

}  // namespace server::ctl
