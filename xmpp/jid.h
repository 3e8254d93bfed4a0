#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>

#include "xmpp/error.h"
#include "xmpp/shared_text.h"

namespace xmpp {

/// An XMPP address, `local@domain/resource`, prepared once and then compared byte by byte.
///
/// A Jid is always valid; there is no way to make one that is not, and a default-made one is empty
/// (`is_empty()`) and equals no parsed one. Each part is 1 to 1,023 bytes after preparation; what
/// is longer is refused, never cut (RFC 7622 §3.1, hardening S13). Preparation is by the stringprep
/// profiles of RFC 6122 (Nodeprep, IDNA's Nameprep, Resourceprep) rather than PRECIS: it is what
/// deployed servers compare with, and both agree on what is in use. Two JIDs are the same address
/// exactly when they are equal.
///
/// A copy allocates nothing: all share one text.
///
/// Threads: a value; distinct objects may be used from any thread.
class Jid {
 public:
  Jid() = default;

  /// Parses and prepares by RFC 7622 §3.2: the resource begins at the first '/', then the localpart
  /// ends at the first '@'. Errors: bad_utf8, jid_malformed, jid_part_too_long.
  static Result<Jid> parse(std::string_view text);

  /// Prepares and joins; an empty `local` or `resource` means that there is none.
  /// Errors: as of parse.
  static Result<Jid> make(std::string_view local, std::string_view domain,
                          std::string_view resource = {});

  std::string_view local() const noexcept { return view(0, local_end_); }
  std::string_view domain() const noexcept {
    return view(domain_begin(), domain_end_ - domain_begin());
  }
  /// Without the '/'; empty for a bare JID.
  std::string_view resource() const noexcept {
    return is_bare() ? std::string_view() : text_.view().substr(domain_end_ + 1u);
  }

  bool is_empty() const noexcept { return text_.empty(); }
  bool is_bare() const noexcept { return domain_end_ == text_.size(); }
  bool is_full() const noexcept { return !is_bare(); }
  bool has_local() const noexcept { return local_end_ != 0; }

  /// The same address without its resource.
  Jid bare() const;

  /// This address with `resource` in place of its own, prepared. Errors: as of parse, and
  /// jid_malformed for an empty resource.
  Result<Jid> with_resource(std::string_view resource) const;

  /// The whole address, `romeo@localhost/orchard`.
  std::string_view str() const noexcept { return text_; }
  /// `romeo@localhost`. A view of this object.
  std::string_view bare_str() const noexcept { return view(0, domain_end_); }

  friend bool operator==(const Jid& a, const Jid& b) noexcept { return a.text_ == b.text_; }
  friend std::strong_ordering operator<=>(const Jid& a, const Jid& b) noexcept {
    return a.str() <=> b.str();
  }

 private:
  Jid(std::string_view text, std::size_t local_end, std::size_t domain_end)
      : text_(text),
        local_end_(static_cast<std::uint16_t>(local_end)),
        domain_end_(static_cast<std::uint16_t>(domain_end)) {}

  static Jid parse_plain(std::string_view text, std::size_t at, std::size_t slash);

  std::size_t domain_begin() const noexcept { return local_end_ == 0 ? 0u : local_end_ + 1u; }
  std::string_view view(std::size_t begin, std::size_t size) const noexcept {
    return text_.view().substr(begin, size);
  }

  SharedText text_;
  std::uint16_t local_end_ = 0;   // Where the '@' stands; 0 if there is no localpart.
  std::uint16_t domain_end_ = 0;  // Where the '/' stands, or the size.
};

}  // namespace xmpp

template <>
struct std::hash<xmpp::Jid> {
  std::size_t operator()(const xmpp::Jid& jid) const noexcept {
    return std::hash<std::string_view>()(jid.str());
  }
};
