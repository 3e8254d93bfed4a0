#include "server/router/routed_stanza.h"

#include <utility>

namespace server {
namespace {

constexpr char payload_kind_stanza = 1;

void append(std::string& out, std::uint64_t value, int bytes) {
  for (int at = bytes - 1; at >= 0; --at) out += static_cast<char>(value >> (8 * at) & 0xff);
}

void append_text(std::string& out, std::string_view text) {
  append(out, text.size(), 2);
  out += text;
}

class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}

  std::uint64_t number(std::size_t size) {
    if (bytes_.size() < size) {
      failed_ = true;
      return 0;
    }
    std::uint64_t value = 0;
    for (std::size_t at = 0; at < size; ++at) {
      value = value << 8 | static_cast<unsigned char>(bytes_[at]);
    }
    bytes_.remove_prefix(size);
    return value;
  }

  std::string_view text() {
    const std::size_t size = number(2);
    if (bytes_.size() < size) {
      failed_ = true;
      return {};
    }
    const std::string_view value = bytes_.substr(0, size);
    bytes_.remove_prefix(size);
    return value;
  }

  std::string_view rest() const { return bytes_; }
  bool failed() const { return failed_; }

 private:
  std::string_view bytes_;
  bool failed_ = false;
};

}  // namespace

RoutedStanza routed(const xmpp::Stanza& stanza, xmpp::Jid from, xmpp::Jid to) {
  RoutedStanza result;
  result.kind = stanza.kind();
  result.type = stanza.type();
  result.from = std::move(from);
  result.to = std::move(to);
  result.xml = std::make_shared<const std::string>(stanza.to_string());
  return result;
}

std::string encode(const RoutedStanza& stanza, std::uint16_t loop, SessionId session) {
  std::string out;
  out.reserve(stanza.xml->size() + stanza.from.str().size() + stanza.to.str().size() + 64);
  out += payload_kind_stanza;
  append(out, static_cast<std::uint64_t>(stanza.kind), 1);
  append(out, stanza.reroutes, 1);
  append(out, loop, 2);
  append(out, session, 8);
  append_text(out, stanza.type);
  append_text(out, stanza.from.str());
  append_text(out, stanza.to.str());
  out += *stanza.xml;
  return out;
}

std::optional<Arrival> decode_arrival(std::string_view payload) {
  if (payload.empty() || payload.front() != payload_kind_stanza) return std::nullopt;
  Reader reader(payload.substr(1));
  Arrival arrival;
  const std::uint64_t kind = reader.number(1);
  if (kind > static_cast<std::uint64_t>(xmpp::Stanza::Kind::iq)) return std::nullopt;
  arrival.stanza.kind = static_cast<xmpp::Stanza::Kind>(kind);
  arrival.stanza.reroutes = static_cast<std::uint8_t>(reader.number(1));
  arrival.loop = static_cast<std::uint16_t>(reader.number(2));
  arrival.session = reader.number(8);
  arrival.stanza.type = reader.text();
  auto from = xmpp::Jid::parse(reader.text());
  auto to = xmpp::Jid::parse(reader.text());
  if (reader.failed() || !from || !to) return std::nullopt;
  arrival.stanza.from = *std::move(from);
  arrival.stanza.to = *std::move(to);
  arrival.stanza.xml = std::make_shared<const std::string>(reader.rest());
  return arrival;
}

}  // namespace server
