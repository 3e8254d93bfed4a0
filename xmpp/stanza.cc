#include "xmpp/stanza.h"

#include <array>
#include <cassert>
#include <utility>

#include "xmpp/element_scanner.h"
#include "xmpp/normalize.h"
#include "xmpp/xml_document.h"

namespace xmpp {
namespace {

constexpr std::size_t echo_bytes_max = 1024;  // hardening S16.

Stanza::Kind kind_of(Element root) {
  const std::string_view uri = root.ns();
  if (uri != ns::client && uri != ns::server && uri != ns::component_accept) {
    return Stanza::Kind::other;
  }
  for (const auto kind : {Stanza::Kind::message, Stanza::Kind::presence, Stanza::Kind::iq}) {
    if (root.name() == name(kind)) {
      return kind;
    }
  }
  return Stanza::Kind::other;
}

void set_or_remove(Element root, const char* name, std::string_view value) {
  if (value.empty()) {
    root.remove_attr(name);
  } else {
    root.set_attr(name, value);
  }
}

}  // namespace

std::string_view name(Stanza::Kind kind) noexcept {
  constexpr std::array<std::string_view, 4> names = {"message", "presence", "iq", ""};
  return names[static_cast<std::size_t>(kind)];
}

Stanza::Stanza(DocumentPtr document, tinyxml2::XMLElement* root, Kind kind)
    : document_(std::move(document)), root_(root), kind_(kind) {}
Stanza::Stanza(Stanza&&) noexcept = default;
Stanza& Stanza::operator=(Stanza&&) noexcept = default;
Stanza::~Stanza() = default;

Result<Stanza> Stanza::parse(std::string_view element_bytes, std::string_view default_ns,
                             const StreamLimits& limits) {
  const ElementCheck check = check_element(element_bytes, limits);
  if (!check.is_valid) {
    return check.is_over_limit ? Errc::xml_too_big : Errc::xml_malformed;
  }
  std::string rewritten;
  if (check.needs_normalize) {
    rewritten = normalize_element(element_bytes, 0, {});
    element_bytes = rewritten;
  }
  if (check.has_blank_text) {
    rewritten = protect_blank_text(element_bytes);
    element_bytes = rewritten;
  }
  DocumentPtr document = Document::make();
  document->parsed_bytes = element_bytes.size();
  // The only parse of XML into a tree in this project (hardening X1): after the check above.
  if (document->xml.Parse(element_bytes.data(), element_bytes.size()) != tinyxml2::XML_SUCCESS) {
    return Errc::xml_malformed;
  }
  tinyxml2::XMLElement* root = document->xml.RootElement();
  assert(root != nullptr);
  // The tree says itself what it is in, so that every element of it can be resolved.
  if (root->FindAttribute("xmlns") == nullptr) {
    root->SetAttribute("xmlns", std::string(default_ns).c_str());
  }
  const Kind kind = kind_of(Element(root));
  return Stanza(std::move(document), root, kind);
}

Stanza Stanza::make_element(std::string_view name, std::string_view ns) {
  DocumentPtr document = Document::make();
  tinyxml2::XMLElement* root = document->xml.NewElement(std::string(name).c_str());
  document->xml.InsertEndChild(root);
  root->SetAttribute("xmlns", std::string(ns).c_str());
  const Kind kind = kind_of(Element(root));
  return Stanza(std::move(document), root, kind);
}

Stanza Stanza::make(Kind kind, std::string_view type, std::string_view id) {
  assert(kind != Kind::other);
  Stanza stanza = make_element(name(kind), ns::client);
  stanza.set_type(type);
  stanza.set_id(id);
  return stanza;
}

Stanza Stanza::copy() const {
  DocumentPtr document = Document::make();
  document->parsed_bytes = document_->parsed_bytes;
  document_->xml.DeepCopy(&document->xml);
  tinyxml2::XMLElement* root = document->xml.RootElement();
  return Stanza(std::move(document), root, kind_);
}

void Stanza::set_type(std::string_view value) { set_or_remove(root(), "type", value); }
void Stanza::set_id(std::string_view value) { set_or_remove(root(), "id", value); }
void Stanza::set_from(std::string_view value) { set_or_remove(root(), "from", value); }
void Stanza::set_to(std::string_view value) { set_or_remove(root(), "to", value); }

std::string Stanza::to_string(std::string_view default_ns) const {
  return root().to_string(default_ns);
}

bool Stanza::may_be_answered_with_error() const {
  switch (kind_) {
    case Kind::message:
    case Kind::presence:
      return type() != "error";
    case Kind::iq:
      return type() != "error" && type() != "result";
    case Kind::other:
      break;
  }
  return false;
}

Stanza Stanza::reply(std::string_view type) const {
  assert(kind_ != Kind::other);
  Stanza reply = make_element(name(kind_), root().ns());
  reply.set_type(type);
  reply.set_id(id());
  reply.set_to(from());
  reply.set_from(to());
  return reply;
}

Stanza Stanza::result_reply() const {
  assert(kind_ == Kind::iq);
  return reply("result");
}

Stanza Stanza::error_reply(StanzaErrorCondition condition, std::string_view text) const {
  return error_reply(condition, default_type(condition), text);
}

Stanza Stanza::error_reply(StanzaErrorCondition condition, ErrorType type,
                           std::string_view text) const {
  Stanza reply = this->reply("error");
  std::size_t echo_bytes = 0;
  for (Element child = root().first_child(); child && echo_bytes <= echo_bytes_max;
       child = child.next()) {
    echo_bytes += child.to_string(root().ns()).size();
  }
  if (echo_bytes <= echo_bytes_max) {
    for (Element child : children(root())) {
      reply.root().add_copy(child);
    }
  }
  Element error = reply.root().add_child("error", root().ns());
  error.set_attr("type", name(type));
  error.add_child(name(condition), ns::stanza_errors);
  if (!text.empty()) {
    Element explanation = error.add_child("text", ns::stanza_errors);
    explanation.set_attr("xml:lang", "en");
    explanation.set_text(text);
  }
  return reply;
}

}  // namespace xmpp
