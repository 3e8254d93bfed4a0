#include "xmpp/normalize.h"

#include "xmpp/characters.h"

// All of this is off the usual path: what clients send needs none of it.

namespace xmpp {
namespace {

constexpr std::string_view cdata_open = "<![CDATA[";

/// Calls `on_text(run)`, `on_cdata(section)` and `on_tag(tag)` for the pieces of a checked element.
template <class OnText, class OnCdata, class OnTag>
void for_each_piece(std::string_view bytes, OnText on_text, OnCdata on_cdata, OnTag on_tag) {
  while (!bytes.empty()) {
    std::size_t size = 0;
    if (bytes.front() != '<') {
      size = std::min(bytes.find('<'), bytes.size());
      on_text(bytes.substr(0, size));
    } else if (bytes.starts_with(cdata_open)) {
      size = bytes.find("]]>") + 3;
      on_cdata(bytes.substr(0, size));
    } else {
      char quote = 0;
      for (; quote != 0 || bytes[size] != '>'; ++size) {
        const char c = bytes[size];
        if (quote != 0) {
          quote = c == quote ? '\0' : quote;
        } else if (c == '"' || c == '\'') {
          quote = c;
        }
      }
      on_tag(bytes.substr(0, ++size));
    }
    bytes.remove_prefix(size);
  }
}

void append_with_line_ends(std::string& out, std::string_view text) {
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '\r') {
      out += text[at];
    } else if (at + 1 == text.size() || text[at + 1] != '\n') {
      out += '\n';
    }
  }
}

void append_tag(std::string& out, std::string_view tag) {
  char quote = 0;
  for (std::size_t at = 0; at < tag.size(); ++at) {
    const char c = tag[at];
    if (quote == 0) {
      quote = c == '"' || c == '\'' ? c : '\0';
      out += c;
    } else if (c == '\r' && tag[at + 1] == '\n') {
      continue;  // The LF behind it becomes the one space.
    } else {
      quote = c == quote ? '\0' : quote;
      out += characters::is(c, characters::space) ? ' ' : c;
    }
  }
}

}  // namespace

std::string decode_attribute(std::string_view raw) {
  std::string out;
  out.reserve(raw.size());
  for (std::size_t at = 0; at < raw.size();) {
    if (raw[at] == '\r' && raw.substr(at + 1).starts_with('\n')) {
      ++at;
    } else if (raw[at] != '&') {
      out += characters::is(raw[at], characters::space) ? ' ' : raw[at];
      ++at;
    } else {
      const std::size_t end = raw.find(';', at);
      const std::string_view body = raw.substr(at + 1, end - at - 1);
      if (body[0] == '#') {
        const bool is_hex = body[1] == 'x';
        const std::string digits(body.substr(is_hex ? 2 : 1));
        characters::append_utf8(
            out, static_cast<char32_t>(std::stoul(digits, nullptr, is_hex ? 16 : 10)));
      } else {
        out += body == "amp"    ? '&'
               : body == "lt"   ? '<'
               : body == "gt"   ? '>'
               : body == "quot" ? '"'
                                : '\'';
      }
      at = end + 1;
    }
  }
  return out;
}

std::string normalize_element(std::string_view bytes, std::size_t insert_at,
                              std::string_view declarations) {
  std::string out;
  out.reserve(bytes.size() + declarations.size());
  out.append(bytes.substr(0, insert_at)).append(declarations);
  // The first piece is the rest of the start tag: its name holds no quote, so this reads it right.
  bool is_first = true;
  const auto tag = [&](std::string_view piece) {
    append_tag(out, is_first ? piece.substr(insert_at) : piece);
    is_first = false;
  };
  const auto text = [&](std::string_view piece) { append_with_line_ends(out, piece); };
  for_each_piece(bytes, text, text, tag);
  return out;
}

std::string protect_blank_text(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size() + 64);
  const auto copy = [&](std::string_view piece) { out += piece; };
  const auto text = [&](std::string_view piece) {
    if (characters::skip_space(piece, 0) == piece.size()) {
      out += piece[0] == '\t' ? "&#9;" : piece[0] == '\n' ? "&#10;" : "&#32;";
      piece.remove_prefix(1);
    }
    out += piece;
  };
  for_each_piece(bytes, text, copy, copy);
  return out;
}

}  // namespace xmpp
