#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "server/storage/open_database.h"
#include "server/transfer/export.h"
#include "server/transfer/import.h"
#include "tests/server/storage/both_databases.h"

namespace server {

/// Accounts that go into a database and come out of it again.
class Transferring : public OnBothDatabases {
 protected:
  void SetUp() override {
    OnBothDatabases::SetUp();
    database_ = open_again(options_);
  }

  std::unique_ptr<SqlDatabase> open_again(const StorageOptions& options) {
    auto opened = open_database(options, events_);
    if (opened.has_error()) throw std::runtime_error(opened.error().detail);
    return *std::move(opened);
  }

  /// An embedded one, new and empty.
  std::unique_ptr<SqlDatabase> open_other() {
    StorageOptions other;
    const char* folder = std::getenv("TEST_TMPDIR");
    other.sqlite_path = std::string(folder != nullptr ? folder : "/tmp") + "/other.db";
    std::filesystem::remove(other.sqlite_path);
    return open_again(other);
  }

  ImportReport import(SqlDatabase& database, std::istream& file,
                      const std::filesystem::path& folder = {}) {
    faults_.clear();
    return import_accounts(
        database, {.stream = file, .name = "file", .folder = folder}, import_,
        [&](const ImportFault& fault) {
          faults_.push_back(std::to_string(fault.line) + ": " + fault.account + ": " + fault.why);
        });
  }

  ImportReport import(const std::string& text) {
    std::istringstream file(text);
    return import(*database_, file);
  }

  /// In the usual wrapping, which is the first line.
  ImportReport import_users(const std::string& users) {
    return import("<server-data xmlns='urn:xmpp:pie:0'><host jid='localhost'>" + users +
                  "</host></server-data>");
  }

  std::string exported(SqlDatabase& database) {
    std::ostringstream file;
    const ExportReport report = export_accounts(database, file, [](const ExportFault& fault) {
      ADD_FAILURE() << fault.account << ": " << fault.why;
    });
    EXPECT_EQ(report.failure, "");
    return file.str();
  }
  std::string exported() { return exported(*database_); }

  ImportOptions import_{.domains = {"localhost", "example.org"}};
  std::unique_ptr<SqlDatabase> database_;
  std::vector<std::string> faults_;
};

}  // namespace server
