#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

#include "server/storage/error.h"

namespace server {

/// A value that goes as bytes, which no database reads as text.
struct SqlBytes {
  std::string_view value;
};

/// A value for a statement's next `?`. Refers to what it was made of.
using SqlParameter = std::variant<std::uint64_t, std::string_view, SqlBytes>;

/// The values of a statement, in the order of its `?`.
using SqlParameters = std::span<const SqlParameter>;

/// What a query found, one row at a time.
class SqlRows {
 public:
  virtual ~SqlRows() = default;

  /// Whether there is a row to read now: the first one after the first call.
  virtual bool next() = 0;

  /// Columns count from 0.
  [[nodiscard]] virtual std::string text(int column) const = 0;
  [[nodiscard]] virtual std::uint64_t number(int column) const = 0;
};

/// A connection to one of the databases, for as long as a piece of work runs on it.
///
/// A statement's text is written in the program, never made of data, in the words that both
/// databases know and those of in_dialect(). It is prepared once for each connection. A statement
/// that fails ends the work by an exception of the database's own, which SqlDatabase turns into
/// the error of the whole: what calls these two has no failure to look after.
class SqlConnection {
 public:
  virtual ~SqlConnection() = default;

  /// Changes rows. Returns how many rows it met, also those that were as they now are.
  virtual std::uint64_t change(std::string_view statement, SqlParameters parameters) = 0;
  std::uint64_t change(std::string_view statement, std::initializer_list<SqlParameter> parameters) {
    return change(statement, SqlParameters(parameters.begin(), parameters.size()));
  }

  /// Reads rows. The answer is used up before the next statement of the same text.
  virtual std::unique_ptr<SqlRows> query(std::string_view statement, SqlParameters parameters) = 0;
  std::unique_ptr<SqlRows> query(std::string_view statement,
                                 std::initializer_list<SqlParameter> parameters) {
    return query(statement, SqlParameters(parameters.begin(), parameters.size()));
  }
};

/// May work be done a second time when the connection was lost before its answer came?
enum class Repeat { safe, unsafe };

/// Where all that is stored is kept. Calls block; several threads may make them at once.
class SqlDatabase {
 public:
  virtual ~SqlDatabase() = default;

  /// Runs `work(SqlConnection&)`, which returns a Result; each statement stands for itself. After
  /// contention, and where `repeat` allows it after a lost connection, `work` is called again.
  /// Errors besides those of `work`: unavailable, conflict (unique key), too_long, access_denied,
  /// broken.
  template <class Work>
  std::invoke_result_t<Work&, SqlConnection&> run(Repeat repeat, Work work) {
    return perform(Unit::statements, repeat, work);
  }

  /// The same, but all of `work` is done or nothing: nothing when it returns an error.
  template <class Work>
  std::invoke_result_t<Work&, SqlConnection&> transact(Repeat repeat, Work work) {
    return perform(Unit::transaction, repeat, work);
  }

  struct Health {
    bool available = true;
    std::size_t connections_busy = 0, connections_idle = 0;
    int schema_version = 0;
    std::string last_failure;
  };
  [[nodiscard]] virtual bool available() const = 0;
  [[nodiscard]] virtual Health health() const = 0;

  /// Ends what runs in the background. No call is running, none follows.
  virtual void close() = 0;

 protected:
  enum class Unit { statements, transaction };
  using Errand = std::function<Result<void>(SqlConnection&)>;

  /// Runs `errand` once, or again as run() says.
  virtual Result<void> perform(Unit unit, Repeat repeat, const Errand& errand) = 0;

 private:
  template <class Work>
  std::invoke_result_t<Work&, SqlConnection&> perform(Unit unit, Repeat repeat, Work& work) {
    using Answer = std::invoke_result_t<Work&, SqlConnection&>;
    std::optional<Answer> answer;
    const Errand errand = [&](SqlConnection& connection) -> Result<void> {
      answer.emplace(work(connection));
      if (answer->has_error()) return answer->error();
      return {};
    };
    const Result<void> done = perform(unit, repeat, errand);
    if (done.has_error()) return failure<Answer>(done.error());
    return *std::move(answer);
  }
};

}  // namespace server
