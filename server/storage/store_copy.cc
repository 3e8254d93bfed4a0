#include "server/storage/store_copy.h"

#include <memory>
#include <string_view>
#include <utility>
#include <variant>

#include "server/storage/open_database.h"

namespace server {
namespace {

// A page is in memory at once: some hundred stanzas of up to 256 KiB at worst, mostly of one.
constexpr std::size_t page_rows = 200;

struct Column {
  std::string name;
  enum class Kind { text, bytes, number } kind = Kind::text;
};

struct Table {
  std::string name;
  std::vector<Column> columns;  // Those of the key first, …
  std::size_t key_columns = 0;  // … so many.
};

using Value = std::variant<std::uint64_t, std::string>;
using Row = std::vector<Value>;

std::string joined(const std::vector<std::string>& words, std::string_view between) {
  std::string all;
  for (const std::string& word : words) {
    if (!all.empty()) all += between;
    all += word;
  }
  return all;
}

std::string names_of(const Table& table, std::size_t count) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < count; ++i) names.push_back(table.columns[i].name);
  return joined(names, ", ");
}

SqlParameter parameter(const Column& column, const Value& value) {
  if (const auto* number = std::get_if<std::uint64_t>(&value)) return *number;
  const std::string_view text = std::get<std::string>(value);
  if (column.kind == Column::Kind::bytes) return SqlBytes{text};
  return text;
}

/// What tables this release has, and their columns: an SQLite file of its schema knows.
Result<std::vector<Table>> tables_of(SqlDatabase& sqlite) {
  return sqlite.run(Repeat::safe, [](SqlConnection& connection) -> Result<std::vector<Table>> {
    std::vector<Table> tables;
    const auto names = connection.query(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name <> 'schema_version'"
        " ORDER BY name",
        {});
    while (names->next()) tables.push_back({.name = names->text(0), .columns = {}});
    for (Table& table : tables) {
      const auto columns = connection.query(
          "SELECT name, type, pk FROM pragma_table_info(?) ORDER BY pk = 0, pk, cid",
          {std::string_view(table.name)});
      while (columns->next()) {
        const std::string type = columns->text(1);
        table.columns.push_back({.name = columns->text(0),
                                 .kind = type == "INTEGER" ? Column::Kind::number
                                         : type == "BLOB"  ? Column::Kind::bytes
                                                           : Column::Kind::text});
        if (columns->number(2) > 0) ++table.key_columns;
      }
    }
    return tables;
  });
}

Result<std::uint64_t> count(SqlDatabase& database, const Table& table) {
  return database.run(Repeat::safe, [&](SqlConnection& connection) -> Result<std::uint64_t> {
    const auto rows = connection.query("SELECT COUNT(*) FROM " + table.name, {});
    return rows->next() ? rows->number(0) : 0;
  });
}

Result<void> empty(SqlDatabase& database, const Table& table) {
  return database.run(Repeat::safe, [&](SqlConnection& connection) -> Result<void> {
    connection.change("DELETE FROM " + table.name, {});
    return {};
  });
}

/// The rows behind `last` in the order of the key; none before the first.
Result<std::vector<Row>> next_page(SqlDatabase& database, const Table& table, const Row& last) {
  std::string statement = "SELECT " + names_of(table, table.columns.size()) + " FROM " + table.name;
  std::vector<SqlParameter> parameters;
  if (!last.empty()) {
    // Written out, as MySQL finds no range of its index in (a, b) > (?, ?).
    std::vector<std::string> ways;
    std::string equal;
    for (std::size_t i = 0; i < table.key_columns; ++i) {
      for (std::size_t j = 0; j <= i; ++j)
        parameters.push_back(parameter(table.columns[j], last[j]));
      ways.push_back("(" + equal + table.columns[i].name + " > ?)");
      equal += table.columns[i].name + " = ? AND ";
    }
    statement += " WHERE " + joined(ways, " OR ");
  }
  statement +=
      " ORDER BY " + names_of(table, table.key_columns) + " LIMIT " + std::to_string(page_rows);
  return database.run(Repeat::safe, [&](SqlConnection& connection) -> Result<std::vector<Row>> {
    std::vector<Row> page;
    const auto rows = connection.query(statement, parameters);
    while (rows->next()) {
      Row& row = page.emplace_back();
      for (std::size_t i = 0; i < table.columns.size(); ++i) {
        const int column = static_cast<int>(i);
        if (table.columns[i].kind == Column::Kind::number) {
          row.emplace_back(rows->number(column));
        } else {
          row.emplace_back(rows->text(column));
        }
      }
    }
    return page;
  });
}

Result<void> add(SqlDatabase& database, const Table& table, const std::vector<Row>& page) {
  const std::string statement =
      "INSERT INTO " + table.name + " (" + names_of(table, table.columns.size()) + ") VALUES (" +
      joined(std::vector<std::string>(table.columns.size(), "?"), ", ") + ")";
  return database.transact(Repeat::unsafe, [&](SqlConnection& connection) -> Result<void> {
    for (const Row& row : page) {
      std::vector<SqlParameter> parameters;
      for (std::size_t i = 0; i < row.size(); ++i) {
        parameters.push_back(parameter(table.columns[i], row[i]));
      }
      connection.change(statement, parameters);
    }
    return {};
  });
}

Result<void> copy(SqlDatabase& from, SqlDatabase& to, const Table& table) {
  Row last;
  for (;;) {
    Result<std::vector<Row>> page = next_page(from, table, last);
    if (page.has_error()) return page.error();
    if (page->empty()) return {};
    const Result<void> added = add(to, table, *page);
    if (added.has_error()) return added;
    last = std::move(page->back());
  }
}

/// The words of a database for what went wrong with it.
std::string words(SqlDatabase& database, boost::system::error_code error) {
  const std::string detail = database.health().last_failure;
  return error.message() + (detail.empty() ? "" : ": " + detail);
}

}  // namespace

boost::system::result<std::vector<CopiedTable>, std::string> copy_store(const StorageOptions& from,
                                                                        const StorageOptions& to,
                                                                        CopyOnto onto) {
  const auto failed = [](const std::string& words) {
    return boost::system::result<std::vector<CopiedTable>, std::string>(
        boost::system::in_place_error, words);
  };
  if (from.mysql.has_value() == to.mysql.has_value()) {
    return failed("both stores are of one kind; the database's own tools copy such");
  }
  StorageEvents events;
  auto source = open_database(from, events);
  if (source.has_error()) return failed("source: " + source.error().detail);
  auto target = open_database(to, events);
  if (target.has_error()) return failed("target: " + target.error().detail);
  if ((*source)->health().schema_version != (*target)->health().schema_version) {
    return failed("one of the stores was used by a newer release; copy with that one");
  }
  const auto tables = tables_of(from.mysql ? **target : **source);
  if (tables.has_error()) return failed(tables.error().message());

  for (const Table& table : *tables) {
    const auto held = count(**target, table);
    if (held.has_error()) return failed("target: " + words(**target, held.error()));
    if (*held == 0) continue;
    if (onto == CopyOnto::empty_only) {
      return failed("the target is not empty: " + table.name + " has " + std::to_string(*held) +
                    " rows");
    }
    const auto emptied = empty(**target, table);
    if (emptied.has_error()) return failed("target: " + words(**target, emptied.error()));
  }

  std::vector<CopiedTable> copied;
  std::string fault;
  for (const Table& table : *tables) {
    const auto done = copy(**source, **target, table);
    const auto had = count(**source, table);
    const auto has = count(**target, table);
    if (done.has_error()) {
      fault = table.name + ": " + words(**target, done.error());
    } else if (had.has_error() || has.has_error()) {
      fault = table.name + ": its rows could not be counted";
    } else if (*had != *has) {
      fault = table.name + " had " + std::to_string(*had) + " rows, of which " +
              std::to_string(*has) + " came: does a node use one of the stores?";
    }
    if (!fault.empty()) break;
    copied.push_back({table.name, *has});
  }
  if (fault.empty()) return copied;
  for (const Table& table : *tables) {
    if (empty(**target, table).has_error()) {
      return failed(fault + "; and what was copied could not be taken out again");
    }
  }
  return failed(fault);
}

}  // namespace server
