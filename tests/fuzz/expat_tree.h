#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace xmpp::testing {

/// An element as expat reads it.
struct ExpatElement {
  int depth = 0;
  std::string ns, name;
  std::map<std::string, std::string> attributes;  // By qualified name, without declarations.
  std::string text;                               // Its own, all runs joined.

  friend bool operator==(const ExpatElement&, const ExpatElement&) = default;
};

/// What expat says to the bytes of a document: its root's children, each as its elements in
/// document order, up to the first error. Children that are not complete are left out.
std::vector<std::vector<ExpatElement>> expat_children(std::string_view document);

}  // namespace xmpp::testing
