#include "xmpp/element_scanner.h"

namespace xmpp {

ElementCheck check_element(std::string_view bytes, const StreamLimits& limits) {
  static thread_local ElementScan scratch;
  static const StreamScope nothing{
      .qname = "", .default_ns = "", .prefixes = {}, .allows_references_in_ns = true};
  ElementCheck check;
  if (bytes.size() > limits.bytes_max) {
    check.is_over_limit = true;
    return check;
  }
  if (bytes.empty() || bytes[0] != '<') {
    return check;
  }
  scratch.restart(false);
  ElementScanner scanner(bytes, scratch, limits, nothing);
  const ElementScanner::Outcome outcome = scanner.run();
  check.is_valid = outcome == ElementScanner::Outcome::element && scratch.position == bytes.size();
  check.is_over_limit = outcome == ElementScanner::Outcome::failed && scanner.is_over_limit();
  check.needs_normalize = scratch.needs_normalize;
  check.has_blank_text = scratch.has_blank_text;
  return check;
}

}  // namespace xmpp
