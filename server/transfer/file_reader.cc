#include "server/transfer/file_reader.h"

#include <expat.h>

#include <array>
#include <cassert>
#include <utility>

#include "server/transfer/namespaces.h"
#include "xmpp/escape.h"
#include "xmpp/namespaces.h"

namespace server {
namespace {

constexpr std::size_t chunk_bytes = 64 << 10;
constexpr std::size_t nesting_max = 10'000;  // Each open element takes memory, read or passed over.
constexpr char separator = '\n';             // Between a namespace and a name: stands in neither.

struct QName {
  std::string_view ns, name;
};

QName split(std::string_view name) {
  const std::size_t at = name.rfind(separator);
  if (at == std::string_view::npos) return {.ns = {}, .name = name};
  return {.ns = name.substr(0, at), .name = name.substr(at + 1)};
}

std::optional<std::string_view> attribute(const char** attributes, std::string_view wanted) {
  for (; *attributes != nullptr; attributes += 2) {
    if (wanted == attributes[0]) return attributes[1];
  }
  return std::nullopt;
}

}  // namespace

struct FileReader::Callbacks {
  static FileReader& of(void* data) { return *static_cast<FileReader*>(data); }
  static void on_start(void* data, const char* name, const char** attributes) {
    of(data).on_start(name, attributes);
  }
  static void on_end(void* data, const char* /*name*/) { of(data).on_end(); }
  static void on_text(void* data, const char* text, int size) {
    of(data).on_text({text, static_cast<std::size_t>(size)});
  }
  static void on_doctype(void* data, const char*, const char*, const char*, int) {
    of(data).break_off("a document type is not allowed");
  }
};

FileReader::FileReader(std::istream& file, FileRoot root)
    : file_(file), root_(root), parser_(XML_ParserCreateNS(nullptr, separator)) {
  assert(parser_ != nullptr);
  XML_SetUserData(parser_, this);
  XML_SetElementHandler(parser_, Callbacks::on_start, Callbacks::on_end);
  XML_SetCharacterDataHandler(parser_, Callbacks::on_text);
  XML_SetStartDoctypeDeclHandler(parser_, Callbacks::on_doctype);
}

FileReader::~FileReader() { XML_ParserFree(parser_); }

FilePiece FileReader::next() {
  while (pieces_.empty()) {
    if (is_over_) return {.kind = FilePiece::Kind::end, .line = line()};
    read_on();
  }
  FilePiece piece = std::move(pieces_.front());
  pieces_.pop_front();
  return piece;
}

void FileReader::read_on() {
  void* const buffer = XML_GetBuffer(parser_, chunk_bytes);
  if (buffer == nullptr) return break_off("no memory for it");
  file_.read(static_cast<char*>(buffer), chunk_bytes);
  const auto size = static_cast<std::size_t>(file_.gcount());
  if (file_.bad()) return break_off("the file cannot be read");
  const bool is_last = size < chunk_bytes;
  bytes_read_ += size;
  const XML_Status status = XML_ParseBuffer(parser_, static_cast<int>(size), is_last ? 1 : 0);
  if (is_over_) return;
  if (status != XML_STATUS_OK) return break_off(XML_ErrorString(XML_GetErrorCode(parser_)));
  // What expat has not taken in yet is the inside of one tag.
  const auto done = static_cast<std::uint64_t>(XML_GetCurrentByteIndex(parser_));
  if (!is_last && bytes_read_ > done + element_bytes_max) {
    return break_off("a tag of more than 16 MiB");
  }
  is_over_ = is_last;
}

std::size_t FileReader::line() const { return XML_GetCurrentLineNumber(parser_); }

void FileReader::say(FilePiece::Kind kind, std::string text) {
  pieces_.push_back({.kind = kind, .line = line(), .text = std::move(text)});
}

void FileReader::break_off(std::string why) {
  say(FilePiece::Kind::broken, std::move(why));
  is_over_ = true;
  XML_StopParser(parser_, XML_FALSE);
}

void FileReader::on_start(std::string_view name, const char** attributes) {
  if (is_over_) return;
  if (++nesting_ > nesting_max) return break_off("more than 10,000 elements inside of one another");
  if (!names_.empty()) return append_start(name, attributes);
  if (skipped_ > 0) {
    ++skipped_;
    return;
  }
  const QName qname = split(name);
  if (places_.back() == Place::user) return open_in_user(qname.ns, qname.name, attributes);
  if (places_.back() == Place::box) return begin_element(name, attributes);
  open_element(qname.ns, qname.name, attributes);
}

// What stands outside of a user.
void FileReader::open_element(std::string_view ns, std::string_view name, const char** attributes) {
  const Place place = places_.back();
  const bool is_root = place == Place::document;
  const bool among_hosts =
      place == Place::server_data || (is_root && root_ != FileRoot::user);  // Or is the only one.
  const bool among_users = place == Place::host || (is_root && root_ == FileRoot::user);
  if (ns == transfer_ns::pie && name == "server-data" && is_root && root_ == FileRoot::any) {
    places_.push_back(Place::server_data);
  } else if (ns == transfer_ns::pie && name == "host" && among_hosts) {
    say(FilePiece::Kind::host, std::string(attribute(attributes, "jid").value_or("")));
    places_.push_back(Place::host);
  } else if (ns == transfer_ns::pie && name == "user" && among_users) {
    FilePiece user{.kind = FilePiece::Kind::user, .line = line()};
    user.text = attribute(attributes, "name").value_or("");
    if (const auto password = attribute(attributes, "password")) {
      user.password.emplace(std::string(*password));
    }
    pieces_.push_back(std::move(user));
    places_.push_back(Place::user);
  } else if (is_root) {
    break_off("this is no export of accounts (XEP-0227)");
  } else if (ns == transfer_ns::include && name == "include") {
    say(FilePiece::Kind::include, std::string(attribute(attributes, "href").value_or("")));
    pieces_.back().root = place == Place::server_data ? FileRoot::host : FileRoot::user;
    skipped_ = 1;
  } else {
    pass_over(ns, name);
  }
}

void FileReader::open_in_user(std::string_view ns, std::string_view name, const char** attributes) {
  struct Box {
    QName name{};
    FileBox box = FileBox::user;
  };
  static constexpr std::array<Box, 4> boxes = {{
      {{transfer_ns::pie, "offline-messages"}, FileBox::offline_messages},
      {{transfer_ns::archive, "archive"}, FileBox::archive},
      {{xmpp::ns::pubsub, "pubsub"}, FileBox::pubsub},
      {{xmpp::ns::pubsub_owner, "pubsub"}, FileBox::pubsub_owner},
  }};
  for (const Box& box : boxes) {
    if (box.name.ns != ns || box.name.name != name) continue;
    box_ = box.box;
    places_.push_back(Place::box);
    return;
  }
  box_ = FileBox::user;
  std::string whole(ns);
  if (!ns.empty()) whole += separator;
  begin_element(whole.append(name), attributes);
}

void FileReader::pass_over(std::string_view ns, std::string_view name) {
  say(FilePiece::Kind::unknown, "<" + std::string(name) + " xmlns='" + std::string(ns) + "'/>");
  skipped_ = 1;
}

void FileReader::begin_element(std::string_view name, const char** attributes) {
  element_.clear();
  element_line_ = line();
  refusal_ = nullptr;
  append_start(name, attributes);
}

void FileReader::append_start(std::string_view name, const char** attributes) {
  const QName qname = split(name);
  const std::string outer = default_ns_.empty() ? std::string() : default_ns_.back();
  names_.emplace_back(qname.name);
  default_ns_.emplace_back(qname.ns);
  if (names_.size() > depth_max) refusal_ = "more than 64 elements inside of one another";
  if (element_.size() > element_bytes_max) refusal_ = "more than 16 MiB";
  if (refusal_ != nullptr) return;
  element_.append("<").append(qname.name);
  if (qname.ns != outer || names_.size() == 1) {
    element_.append(" xmlns='");
    xmpp::append_escaped_attr(element_, qname.ns);
    element_ += '\'';
  }
  for (std::size_t i = 0; attributes[i] != nullptr; i += 2) {
    const QName of = split(attributes[i]);
    std::string prefix;
    if (of.ns == xmpp::ns::xml) {
      prefix = "xml:";
    } else if (!of.ns.empty()) {
      prefix = "a" + std::to_string(i) + ":";
      element_.append(" xmlns:a").append(std::to_string(i)).append("='");
      xmpp::append_escaped_attr(element_, of.ns);
      element_ += '\'';
    }
    element_.append(" ").append(prefix).append(of.name).append("='");
    xmpp::append_escaped_attr(element_, attributes[i + 1]);
    element_ += '\'';
  }
  element_ += '>';
}

void FileReader::on_end() {
  if (is_over_) return;
  --nesting_;
  if (!names_.empty()) return end_of_element();
  if (skipped_ > 0) {
    --skipped_;
    return;
  }
  if (places_.back() == Place::user) say(FilePiece::Kind::user_end, {});
  places_.pop_back();
}

void FileReader::end_of_element() {
  if (refusal_ == nullptr) element_.append("</").append(names_.back()).append(">");
  std::string name = std::move(names_.back());
  names_.pop_back();
  default_ns_.pop_back();
  if (!names_.empty()) return;
  if (refusal_ == nullptr && element_.size() > element_bytes_max) refusal_ = "more than 16 MiB";
  FilePiece piece{.kind = FilePiece::Kind::element, .line = element_line_};
  piece.box = box_;
  if (refusal_ != nullptr) {
    piece.kind = FilePiece::Kind::left_out;
    piece.text = "<" + name + "/>: " + refusal_;
  } else {
    piece.text = std::move(element_);
  }
  element_ = std::string();
  pieces_.push_back(std::move(piece));
}

void FileReader::on_text(std::string_view text) {
  if (names_.empty() || refusal_ != nullptr) return;
  if (element_.size() > element_bytes_max) {
    refusal_ = "more than 16 MiB";
    element_ = std::string();
    return;
  }
  xmpp::append_escaped_text(element_, text);
}

}  // namespace server
