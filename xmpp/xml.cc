#include "xmpp/xml.h"

#include <tinyxml2.h>

#include <cassert>
#include <cstring>

#include "xmpp/characters.h"
#include "xmpp/escape.h"

namespace xmpp {
namespace {

std::string_view view(const char* text) { return text == nullptr ? "" : std::string_view(text); }

/// The part of a qualified name before its ':', if any.
std::string_view prefix(std::string_view qname) {
  const std::size_t colon = qname.find(':');
  return colon == qname.npos ? std::string_view() : qname.substr(0, colon);
}

/// Whether `attribute` declares `prefix` (empty: the default namespace).
bool declares(const tinyxml2::XMLAttribute& attribute, std::string_view prefix) {
  const std::string_view name = attribute.Name();
  if (!name.starts_with("xmlns")) {
    return false;
  }
  return prefix.empty() ? name.size() == 5
                        : name.size() > 6 && name[5] == ':' && name.substr(6) == prefix;
}

const char* find_declaration(const tinyxml2::XMLElement* element, std::string_view prefix) {
  const auto* attribute = element->FirstAttribute();
  while (attribute != nullptr && !declares(*attribute, prefix)) {
    attribute = attribute->Next();
  }
  return attribute == nullptr ? nullptr : attribute->Value();
}

const tinyxml2::XMLElement* parent_of(const tinyxml2::XMLElement* element) {
  return element->Parent() == nullptr ? nullptr : element->Parent()->ToElement();
}

/// What `prefix` means at `element`; empty if nothing.
std::string_view resolve(const tinyxml2::XMLElement* element, std::string_view prefix) {
  for (; element != nullptr; element = parent_of(element)) {
    if (const char* uri = find_declaration(element, prefix); uri != nullptr) {
      return uri;
    }
  }
  return {};
}

/// tinyxml2 takes text up to a NUL; what XML cannot carry is replaced before (hardening X5).
std::string storable(std::string_view text) {
  std::string clean;
  clean.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const characters::Decoded character = characters::decode(text, at);
    const std::size_t size = character.size > 0 ? static_cast<std::size_t>(character.size) : 1;
    if (character.size > 0 && characters::is_xml_char(character.code_point)) {
      clean += text.substr(at, size);
    } else {
      clean += "\xef\xbf\xbd";
    }
    at += size;
  }
  return clean;
}

bool is_name(std::string_view name) {
  for (const char c : name) {
    if (!characters::is(c, characters::name_char) && c != ':') {
      return false;
    }
  }
  return !name.empty() && characters::is(name[0], characters::name_start);
}

/// Whether a name in `element` or below it has the prefix, and nothing declares it on the way.
bool uses_prefix(const tinyxml2::XMLElement* element, std::string_view wanted) {
  if (find_declaration(element, wanted) != nullptr) {
    return false;
  }
  if (prefix(element->Name()) == wanted) {
    return true;
  }
  for (const auto* attribute = element->FirstAttribute(); attribute != nullptr;
       attribute = attribute->Next()) {
    if (prefix(attribute->Name()) == wanted) {
      return true;
    }
  }
  for (const auto* child = element->FirstChildElement(); child != nullptr;
       child = child->NextSiblingElement()) {
    if (uses_prefix(child, wanted)) {
      return true;
    }
  }
  return false;
}

/// Calls `visit(name, uri)` for each prefix that is declared above `element` and used in it.
template <class Visit>
void for_each_inherited_prefix(const tinyxml2::XMLElement* element, Visit visit) {
  for (const auto* above = parent_of(element); above != nullptr; above = parent_of(above)) {
    for (const auto* attribute = above->FirstAttribute(); attribute != nullptr;
         attribute = attribute->Next()) {
      const std::string_view name = attribute->Name();
      if (!name.starts_with("xmlns:") || !uses_prefix(element, name.substr(6))) {
        continue;
      }
      // A nearer ancestor may declare it too, and hides this one then.
      if (resolve(parent_of(element), name.substr(6)).data() == attribute->Value()) {
        visit(attribute->Name(), view(attribute->Value()));
      }
    }
  }
}

void append_attribute(std::string& out, std::string_view name, std::string_view value) {
  out.append(" ").append(name).append("='");
  append_escaped_attr(out, value);
  out += '\'';
}

void append_element(std::string& out, const tinyxml2::XMLElement* element, bool is_top,
                    std::string_view default_ns) {
  out.append("<").append(element->Name());
  if (is_top) {
    if (const std::string_view own = resolve(element, {}); own != default_ns) {
      append_attribute(out, "xmlns", own);
    }
    for_each_inherited_prefix(
        element, [&](const char* name, std::string_view uri) { append_attribute(out, name, uri); });
  }
  for (const auto* attribute = element->FirstAttribute(); attribute != nullptr;
       attribute = attribute->Next()) {
    if (!is_top || !declares(*attribute, {})) {
      append_attribute(out, attribute->Name(), view(attribute->Value()));
    }
  }
  const tinyxml2::XMLNode* child = element->FirstChild();
  while (child != nullptr && child->ToText() != nullptr && view(child->Value()).empty()) {
    child = child->NextSibling();  // An empty CDATA section is nothing.
  }
  if (child == nullptr) {
    out += "/>";
    return;
  }
  out += '>';
  for (; child != nullptr; child = child->NextSibling()) {
    if (const auto* inner = child->ToElement(); inner != nullptr) {
      append_element(out, inner, false, {});
    } else if (child->ToText() != nullptr) {
      append_escaped_text(out, view(child->Value()));
    }
  }
  out.append("</").append(element->Name()).append(">");
}

}  // namespace

std::string_view Element::name() const {
  if (node_ == nullptr) {
    return {};
  }
  const std::string_view qname = node_->Name();
  return qname.substr(qname.find(':') + 1);  // npos + 1 is 0.
}

std::string_view Element::ns() const {
  return node_ == nullptr ? std::string_view() : resolve(node_, prefix(node_->Name()));
}

std::string_view Element::attr(const char* name) const {
  return node_ == nullptr ? std::string_view() : view(node_->Attribute(name));
}

bool Element::has_attr(const char* name) const {
  return node_ != nullptr && node_->FindAttribute(name) != nullptr;
}

void Element::set_attr(const char* name, std::string_view value) {
  assert(node_ != nullptr && is_name(name));
  node_->SetAttribute(name, storable(value).c_str());
}

void Element::remove_attr(const char* name) {
  assert(node_ != nullptr);
  node_->DeleteAttribute(name);
}

std::string Element::text() const {
  std::string text;
  if (node_ != nullptr) {
    for (const auto* child = node_->FirstChild(); child != nullptr; child = child->NextSibling()) {
      if (child->ToText() != nullptr) {
        text += view(child->Value());
      }
    }
  }
  return text;
}

void Element::set_text(std::string_view text) {
  remove_children();
  add_text(text);
}

void Element::add_text(std::string_view text) {
  assert(node_ != nullptr);
  if (!text.empty()) {
    node_->InsertNewText(storable(text).c_str());
  }
}

Element Element::child(std::string_view name, std::string_view ns) const {
  for (Element child = first_child(); child; child = child.next()) {
    if (child.is(name, ns)) {
      return child;
    }
  }
  return {};
}

Element Element::first_child() const {
  return node_ == nullptr ? Element() : Element(node_->FirstChildElement());
}

Element Element::next() const {
  return node_ == nullptr ? Element() : Element(node_->NextSiblingElement());
}

Element Element::parent() const {
  return node_ == nullptr || node_->Parent() == nullptr ? Element()
                                                        : Element(node_->Parent()->ToElement());
}

Element Element::add_child(std::string_view name, std::string_view ns) {
  assert(node_ != nullptr && is_name(name) && name.find(':') == name.npos);
  tinyxml2::XMLElement* child = node_->InsertNewChildElement(std::string(name).c_str());
  if (resolve(node_, {}) != ns) {
    child->SetAttribute("xmlns", std::string(ns).c_str());
  }
  return Element(child);
}

Element Element::add_copy(Element other) {
  assert(node_ != nullptr && other.node_ != nullptr);
  tinyxml2::XMLElement* copy = other.node_->DeepClone(node_->GetDocument())->ToElement();
  // A stanza's root declares its default namespace always, so there is one to resolve.
  const std::string default_ns(resolve(other.node_, {}));
  if (find_declaration(copy, {}) == nullptr && resolve(node_, {}) != default_ns) {
    copy->SetAttribute("xmlns", default_ns.c_str());
  }
  for_each_inherited_prefix(other.node_, [&](const char* name, std::string_view uri) {
    copy->SetAttribute(name, std::string(uri).c_str());
  });
  node_->InsertEndChild(copy);
  return Element(copy);
}

void Element::remove_child(Element child) {
  assert(node_ != nullptr && child.node_ != nullptr && child.node_->Parent() == node_);
  node_->DeleteChild(child.node_);
}

void Element::remove_children() {
  assert(node_ != nullptr);
  node_->DeleteChildren();
}

std::string Element::to_string(std::string_view default_ns) const {
  std::string out;
  if (node_ != nullptr) {
    out.reserve(512);  // Most stanzas fit.
    append_element(out, node_, true, default_ns);
  }
  return out;
}

}  // namespace xmpp
