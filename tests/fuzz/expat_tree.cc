#include "tests/fuzz/expat_tree.h"

#include <expat.h>

#include <cstddef>

namespace xmpp::testing {
namespace {

constexpr char separator = '\x01';  // No character of XML, so no part of a namespace.

struct Reader {
  std::vector<std::vector<ExpatElement>> children;
  std::vector<std::size_t> open;  // Indices into children.back(), outermost first.
  int depth = 0;
};

struct Name {
  std::string ns, local, prefix;
};

/// Expat writes `uri SEP local SEP prefix`, with parts at the end left out.
Name split(std::string_view triplet) {
  Name name;
  const std::size_t first = triplet.find(separator);
  if (first == triplet.npos) {
    name.local = triplet;
    return name;
  }
  name.ns = triplet.substr(0, first);
  triplet.remove_prefix(first + 1);
  const std::size_t second = triplet.find(separator);
  name.local = triplet.substr(0, second);
  if (second != triplet.npos) {
    name.prefix = triplet.substr(second + 1);
  }
  return name;
}

void on_start(void* user, const XML_Char* triplet, const XML_Char** attributes) {
  auto& reader = *static_cast<Reader*>(user);
  if (reader.depth++ == 0) {
    return;
  }
  if (reader.depth == 2) {
    reader.children.emplace_back();
  }
  const Name name = split(triplet);
  ExpatElement element{
      .depth = reader.depth, .ns = name.ns, .name = name.local, .attributes = {}, .text = {}};
  for (; *attributes != nullptr; attributes += 2) {
    const Name key = split(attributes[0]);
    element.attributes[key.prefix.empty() ? key.local : key.prefix + ":" + key.local] =
        attributes[1];
  }
  reader.open.push_back(reader.children.back().size());
  reader.children.back().push_back(std::move(element));
}

void on_end(void* user, const XML_Char*) {
  auto& reader = *static_cast<Reader*>(user);
  if (--reader.depth > 0) {
    reader.open.pop_back();
  }
}

void on_text(void* user, const XML_Char* text, int size) {
  auto& reader = *static_cast<Reader*>(user);
  if (!reader.open.empty()) {
    reader.children.back()[reader.open.back()].text.append(text, static_cast<std::size_t>(size));
  }
}

}  // namespace

std::vector<std::vector<ExpatElement>> expat_children(std::string_view document) {
  Reader reader;
  XML_Parser parser = XML_ParserCreateNS("UTF-8", separator);
  XML_SetUserData(parser, &reader);
  XML_SetReturnNSTriplet(parser, 1);
  XML_SetElementHandler(parser, on_start, on_end);
  XML_SetCharacterDataHandler(parser, on_text);
  XML_Parse(parser, document.data(), static_cast<int>(document.size()), 0);
  XML_ParserFree(parser);
  if (!reader.open.empty()) {
    reader.children.pop_back();
  }
  return std::move(reader.children);
}

}  // namespace xmpp::testing
