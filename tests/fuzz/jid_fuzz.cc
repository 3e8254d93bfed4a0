// Whatever Jid accepts is prepared for good, keeps the limits, and is made of parts that make it
// again (RFC 7622, hardening S13).

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "xmpp/escape.h"
#include "xmpp/jid.h"

namespace xmpp {
namespace {

void require(bool condition, const char* what, const Jid& jid) {
  if (!condition) {
    std::fprintf(stderr, "%s: %s\n", what, std::string(jid.str()).c_str());
    std::abort();
  }
}

void check(std::string_view text) {
  const Result<Jid> parsed = Jid::parse(text);
  if (parsed.has_error()) {
    return;
  }
  const Jid& jid = *parsed;
  const Result<Jid> twice = Jid::parse(jid.str());
  require(twice.has_value() && *twice == jid, "parsed twice it differs", jid);
  const Result<Jid> made = Jid::make(jid.local(), jid.domain(), jid.resource());
  require(made.has_value() && *made == jid, "its parts make another", jid);
  require(is_xml_text(jid.str()), "not XML text", jid);
  require(!jid.domain().empty(), "no domain", jid);
  for (const std::string_view part : {jid.local(), jid.domain(), jid.resource()}) {
    require(part.size() <= 1023, "part too long", jid);
  }
  require(jid.local().find_first_of("\"&'/:<>@ ") == std::string_view::npos, "bad local", jid);
  require(jid.bare().is_bare() && jid.bare().str() == jid.bare_str(), "bare differs", jid);
}

}  // namespace
}  // namespace xmpp

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  xmpp::check(std::string_view(reinterpret_cast<const char*>(data), size));
  return 0;
}
