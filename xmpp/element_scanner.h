#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "xmpp/limits.h"
#include "xmpp/stream_error.h"

namespace xmpp {

/// What a stream header declares for its children, where that is not the usual: the default
/// namespace jabber:client and the prefix `stream`.
struct StreamScope {
  std::string qname = "stream:stream";  ///< As written, for the end tag.
  std::string default_ns = "jabber:client";
  std::vector<std::pair<std::string, std::string>> prefixes;  ///< At most 32; (prefix, namespace).

  /// Whether a first-level element's namespace may be written with references: not in a stream,
  /// where top_ns() is the bytes themselves.
  bool allows_references_in_ns = false;

  /// What is in force where a parser holds no scope of its own.
  static const StreamScope& usual();
};

/// Where a scan stands: all that has to be kept between two slices of an element. Places count from
/// the element's first byte, so they hold when the bytes move.
struct ElementScan {
  enum class State : std::uint8_t {
    prolog,       // Before the stream header: an XML declaration or the header may come.
    declaration,  // In `<?xml …`.
    content,      // Between tags.
    tag_name,     // Behind '<' of a start tag.
    in_tag,       // Behind the name or an attribute.
    equals,       // Behind an attribute's name.
    quote,        // Behind its '='.
    value,        // In its value.
    cdata,        // In a CDATA section.
    end_name,     // Behind `</`.
    end_space,    // Behind an end tag's name.
  };

  struct Name {
    std::uint32_t begin = 0;
    std::uint16_t size = 0;
    std::uint16_t prefix_size = 0;  // Without the ':'; 0 for none.
  };
  struct OpenElement {
    Name name;
    std::uint16_t bindings = 0;  // How many were in scope outside.
  };
  struct Attribute {
    Name name;
    std::uint32_t value_begin = 0;
    std::uint32_t value_size = 0;
    bool needs_decoding = false;  // It holds a reference, TAB, LF or CR.
  };
  struct Binding {
    std::uint32_t prefix_begin = 0;
    std::uint32_t uri_begin = 0;
    std::uint32_t uri_size = 0;
    std::uint16_t prefix_size = 0;  // 0: the default namespace.
    bool has_references = false;    // The name is to be decoded before it is compared.
  };

  /// The attributes of the outermost start tag that routing reads; see StanzaHead.
  struct TopTag {
    struct Part {
      std::uint32_t begin = 0;  ///< 0: the tag has no such attribute.
      std::uint32_t value_begin = 0;
      std::uint32_t value_size = 0;
    };
    Part to, from, type, ns;
    bool needs_decoding = false;  ///< One of the values holds a reference.
  };

  State state = State::content;
  char quote = 0;
  bool saw_space = false;        // In a tag: white space came before this place.
  bool is_header = false;        // The start tag is that of the stream itself.
  bool has_declaration = false;  // In the prolog: the XML declaration is behind us.
  /// Line ends or white space in attribute values are to be normalised.
  bool needs_normalize = false;
  /// There is character data of white space alone, which tinyxml2 would lose.
  bool has_blank_text = false;
  std::uint16_t attributes_count = 0;
  std::uint16_t declarations_count = 0;
  std::uint32_t position = 0;   ///< The next byte to look at.
  std::uint32_t run_begin = 0;  // In content: where the text since the last tag began.
  std::uint32_t elements = 0;
  std::uint32_t prefixes_used = 0;  ///< Bit i: StreamScope::prefixes[i] is used.
  /// The outermost element: its name, and its namespace (a view of the bytes when top_binding).
  Name top;
  TopTag top_tag;
  bool has_own_top_ns = false;
  std::uint32_t top_ns_begin = 0, top_ns_size = 0;
  std::string_view top_ns_inherited;  ///< Otherwise; lives as long as the scope.

  std::vector<OpenElement> open;
  std::vector<Attribute> attributes;  ///< Of the start tag being read, or read last.
  std::vector<Binding> bindings;

  /// Ready for a new element (or for a stream header), keeping the vectors' memory.
  void restart(bool is_prolog);
};

/// Goes over the bytes of one first-level element or stream header. See StreamParser for the rules.
class ElementScanner {
 public:
  enum class Outcome { incomplete, header, element, stream_close, failed };

  /// `bytes` begin where the element begins; `scan` is restarted, or from a former incomplete run
  /// over a prefix of the same bytes.
  ElementScanner(std::string_view bytes, ElementScan& scan, const StreamLimits& limits,
                 const StreamScope& scope)
      : bytes_(bytes), scan_(scan), limits_(limits), scope_(scope) {}

  /// Goes on until the outcome is known. After element, header, stream_close: scan.position is
  /// behind the last byte. The caller sees to limits.bytes_max by what it hands in.
  Outcome run();

  /// After failed.
  StreamErrorCondition condition() const { return condition_; }
  const char* reason() const { return reason_; }
  bool is_over_limit() const { return is_over_limit_; }

 private:
  enum class Step { go_on, incomplete, header, element, stream_close, failed };

  Step step();
  Step prolog();
  Step declaration();
  Step content();
  Step markup(std::size_t at);
  Step cdata();
  Step tag_name();
  Step in_tag();
  Step attribute_name(std::size_t at);
  Step equals();
  Step quote();
  Step value();
  Step end_name();
  Step end_space();
  Step end_tag();
  Step start_tag_end(bool is_empty, std::size_t behind);

  /// Reads a qualified name at `at`; `behind` is where it ends.
  Step name(std::size_t at, ElementScan::Name& name, std::size_t& behind);
  /// A reference, or a character beyond ASCII; moves `at` behind it.
  Step reference(std::size_t& at);
  Step character(std::size_t& at);

  bool declare();
  bool check_attributes();
  bool resolve_top();
  void note_top_tag();
  bool is_bound(ElementScan::Name name, std::string_view& uri, bool& has_references,
                const ElementScan::Binding** own);

  std::string_view text(std::size_t begin, std::size_t size) const {
    return bytes_.substr(begin, size);
  }
  std::string_view prefix(ElementScan::Name name) const {
    return text(name.begin, name.prefix_size);
  }
  std::string_view local(ElementScan::Name name) const {
    const std::size_t skip = name.prefix_size == 0 ? 0u : name.prefix_size + 1u;
    return text(name.begin + skip, name.size - skip);
  }
  Step wait(std::size_t at) {
    scan_.position = static_cast<std::uint32_t>(at);
    return Step::incomplete;
  }
  Step enter(ElementScan::State state, std::size_t at) {
    scan_.state = state;
    scan_.position = static_cast<std::uint32_t>(at);
    return Step::go_on;
  }
  Step fail(StreamErrorCondition condition, const char* reason);
  Step fail_malformed(const char* reason) {
    return fail(StreamErrorCondition::not_well_formed, reason);
  }
  Step fail_limit(const char* reason);

  std::string_view bytes_;
  ElementScan& scan_;
  const StreamLimits& limits_;
  const StreamScope& scope_;
  StreamErrorCondition condition_ = StreamErrorCondition::undefined_condition;
  const char* reason_ = nullptr;
  bool is_over_limit_ = false;
};

/// What a check of one whole element found.
struct ElementCheck {
  bool is_valid = false;
  bool is_over_limit = false;
  bool needs_normalize = false;
  bool has_blank_text = false;
};

/// Whether `bytes` are one element and nothing else, that stands alone in the usual scope without
/// help from a stream header. Uses scratch memory of the thread.
ElementCheck check_element(std::string_view bytes, const StreamLimits& limits);

}  // namespace xmpp
