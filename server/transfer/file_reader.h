#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <istream>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "xmpp/sasl/secret.h"

struct XML_ParserStruct;

namespace server {

/// Where an element of a user stands in the file.
enum class FileBox : std::uint8_t { user, offline_messages, archive, pubsub, pubsub_owner };

/// What the root of a file may be.
enum class FileRoot : std::uint8_t {
  any,   ///< `<server-data/>`, or the one host of a file that is read by itself.
  host,  ///< Included among hosts.
  user,  ///< Included among users.
};

/// What an export file says, piece by piece.
struct FilePiece {
  enum class Kind : std::uint8_t {
    host,      ///< `text` is its JID as written. What follows is of it, to the next one.
    user,      ///< `text` is its name as written.
    element,   ///< `text` is one element of the user, in `box`; it stands alone.
    user_end,  ///< All of the user has been said.
    include,   ///< `text` names the file that stands here (XInclude).
    unknown,   ///< `text` names an element that was passed over, with all in it.
    left_out,  ///< `text` says what of the user cannot be read.
    broken,    ///< `text` says why nothing more can be read. The last piece.
    end,       ///< The last piece.
  };
  Kind kind = Kind::end;
  std::size_t line = 0;
  std::string text{};
  std::optional<xmpp::Secret> password{};  ///< Of a user.
  FileBox box = FileBox::user;             ///< Of an element.
  FileRoot root = FileRoot::any;           ///< Of the file to include.
};

/// Reads a file of XEP-0227 without ever holding more of it than one element of a user, however
/// long it is. A message of an archive is such an element, and so is a whole roster.
///
/// Files are documents and no streams: comments, processing instructions, any prefix and the
/// encodings of XML 1.0 are read, which is why expat does it. A document type is refused before
/// anything in it counts, so no entity is ever expanded (hardening X1). What an element says is to
/// be checked by who takes it up: xmpp::Stanza::parse().
///
/// Threads: a value with no home; one thread at a time.
class FileReader {
 public:
  static constexpr std::size_t element_bytes_max = 16 << 20;
  static constexpr std::size_t depth_max = 64;

  /// `file` outlives this.
  FileReader(std::istream& file, FileRoot root);
  ~FileReader();
  FileReader(const FileReader&) = delete;
  FileReader& operator=(const FileReader&) = delete;

  FilePiece next();

 private:
  enum class Place : std::uint8_t { document, server_data, host, user, box };
  struct Callbacks;  // What expat calls.

  void read_on();
  void on_start(std::string_view name, const char** attributes);
  void on_end();
  void on_text(std::string_view text);
  void open_element(std::string_view ns, std::string_view name, const char** attributes);
  void open_in_user(std::string_view ns, std::string_view name, const char** attributes);
  void pass_over(std::string_view ns, std::string_view name);
  void begin_element(std::string_view name, const char** attributes);
  void append_start(std::string_view name, const char** attributes);
  void end_of_element();
  void say(FilePiece::Kind kind, std::string text);
  void break_off(std::string why);
  [[nodiscard]] std::size_t line() const;

  std::istream& file_;
  const FileRoot root_;
  XML_ParserStruct* const parser_;
  std::deque<FilePiece> pieces_;
  bool is_over_ = false;
  std::uint64_t bytes_read_ = 0;

  std::vector<Place> places_{Place::document};  // Of the elements around, outermost first.
  FileBox box_ = FileBox::user;
  std::size_t nesting_ = 0;
  std::size_t skipped_ = 0;  // How deep in an element that is passed over.

  // The element of a user that is being read.
  std::vector<std::string> names_;       // Open elements in it.
  std::vector<std::string> default_ns_;  // Of each.
  std::string element_;
  std::size_t element_line_ = 0;
  const char* refusal_ = nullptr;  // Why it is left out.
};

}  // namespace server
