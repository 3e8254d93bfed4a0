#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace tinyxml2 {
class XMLElement;
}

namespace xmpp {

/// A light handle of one element in a Stanza's tree. May be empty (`!element`): then it reads as
/// absent in every way, so that look-ups can be chained: `iq.root().child("query",
/// ns).attr("node")`.
///
/// Views it returns hold until that attribute, text or element is changed, or the Stanza goes.
/// Names and namespaces handed in are literals of ours, never text from a peer (hardening X13);
/// this is asserted. Values may be any text: what XML cannot carry becomes U+FFFD when written.
///
/// Threads: as its Stanza; never crosses to another loop.
class Element {
 public:
  Element() = default;

  explicit operator bool() const { return node_ != nullptr; }
  friend bool operator==(Element a, Element b) { return a.node_ == b.node_; }

  /// Local name, without a prefix.
  std::string_view name() const;
  /// The namespace it is in, resolved through its ancestors; empty for none.
  std::string_view ns() const;
  bool is(std::string_view name, std::string_view ns) const {
    return node_ != nullptr && this->name() == name && this->ns() == ns;
  }

  /// The value of the attribute, named as written (`to`, `xml:lang`); empty if there is none.
  std::string_view attr(const char* name) const;
  bool has_attr(const char* name) const;
  void set_attr(const char* name, std::string_view value);
  void remove_attr(const char* name);

  /// All character data directly in this element, its runs and CDATA sections joined.
  std::string text() const;
  /// Replaces all content.
  void set_text(std::string_view text);
  /// Adds character data at the end.
  void add_text(std::string_view text);

  /// The first child element with this name and namespace, or an empty handle.
  Element child(std::string_view name, std::string_view ns) const;
  Element first_child() const;
  /// The next sibling element.
  Element next() const;
  Element parent() const;

  /// Adds an empty child at the end; it declares `ns` when that differs from this one's.
  Element add_child(std::string_view name, std::string_view ns);
  /// Adds a copy of `other` (of any stanza) at the end, and returns it. Declarations that the copy
  /// needs from its former ancestors come along.
  Element add_copy(Element other);
  /// Removes and frees `child`, which must be a child of this element.
  void remove_child(Element child);
  void remove_children();

  /// The element as XML that stands alone in a stream whose default namespace is `default_ns`:
  /// it declares what it needs. See escape.h for how values are written.
  std::string to_string(std::string_view default_ns = "jabber:client") const;

 private:
  friend class Stanza;
  explicit Element(tinyxml2::XMLElement* node) : node_(node) {}

  tinyxml2::XMLElement* node_ = nullptr;
};

/// For `for (Element child : children(parent))`.
class ChildRange {
 public:
  explicit ChildRange(Element parent) : first_(parent.first_child()) {}
  class Iterator {
   public:
    explicit Iterator(Element element) : element_(element) {}
    Element operator*() const { return element_; }
    Iterator& operator++() {
      element_ = element_.next();
      return *this;
    }
    friend bool operator==(const Iterator&, const Iterator&) = default;

   private:
    Element element_;
  };
  Iterator begin() const { return Iterator(first_); }
  Iterator end() const { return Iterator(Element()); }

 private:
  Element first_;
};

inline ChildRange children(Element parent) { return ChildRange(parent); }

}  // namespace xmpp
