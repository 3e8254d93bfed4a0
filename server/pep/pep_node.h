#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "xmpp/stanza.h"

namespace server {

/// Who may read a node (XEP-0060 §4.5).
enum class PepAccess : std::uint8_t {
  open,       ///< Everybody.
  presence,   ///< Who sees the account's presence.
  whitelist,  ///< The account alone.
};

/// How a node is set up, as far as it can be (XEP-0060 §16.4.4). Defaults are those of XEP-0163.
struct PepConfig {
  static constexpr std::size_t items_most = 256;  ///< What `max` means.

  PepAccess access = PepAccess::presence;
  std::size_t items_max = 1;
  bool is_persistent = true;  ///< Items are kept, and not only told.
  bool sends_last = true;     ///< The last item goes to who becomes available.

  bool operator==(const PepConfig&) const = default;
};

/// The fields, each with its value, of a form of the types pubsub#node_config and
/// pubsub#publish-options.
using PepFields = std::vector<std::pair<std::string, std::string>>;
PepFields config_fields(xmpp::Element form);

/// `base` with these fields. Absent when there is one, or a value, that a node cannot have.
std::optional<PepConfig> configured(const PepConfig& base, const PepFields& fields);

/// The form that shows `config`, or offers it for change, added to `parent`.
void add_config_form(xmpp::Element parent, const PepConfig& config);

struct PepItem {
  std::string id;
  std::string payload;  ///< One element as XML; empty for none.
};

/// A node of an account's PEP (XEP-0163): its configuration and its items, the newest last.
class PepNode {
 public:
  /// From what to_string() wrote. Empty text is a node that does not exist; absent is damage.
  static std::optional<PepNode> parse(std::string_view text);
  std::string to_string() const;

  bool exists() const { return exists_; }
  void create(const PepConfig& config);
  void configure(const PepConfig& config);

  const PepConfig& config() const { return config_; }
  const std::vector<PepItem>& items() const { return items_; }

  /// Puts `item` in the place of one with its id, as the newest; the oldest go when there are more
  /// than the configuration says.
  void publish(PepItem item);

  /// False if there is none.
  bool retract(std::string_view id);

  void purge() { items_.clear(); }

 private:
  void trim();

  bool exists_ = false;
  PepConfig config_;
  std::vector<PepItem> items_;
};

}  // namespace server
