#include "loadgen/self_test.h"

#include <algorithm>
#include <array>
#include <random>
#include <utility>

#include "loadgen/archive_audit.h"
#include "xmpp/stanza.h"
#include "xmpp/stream_parser.h"

namespace loadgen {
namespace {

constexpr std::string_view run_name = "selftest";
constexpr std::uint32_t clients = 8;
constexpr std::uint32_t messages_a_flow = 200;

std::string jid_of(std::uint32_t client) { return "load" + std::to_string(client) + "@self.test"; }

enum class Spoil { none, drop, repeat, swap, alter, misdeliver, forge };

/// One recipient's stream: bytes as a server would send them.
struct Wire {
  std::uint32_t client = 0;
  std::vector<std::string> stanzas;
};

std::string stanza_text(std::uint32_t from, std::uint32_t to, std::string_view id,
                        std::string_view body) {
  return "<message xmlns='jabber:client' type='chat' id='" + std::string(id) + "' from='" +
         jid_of(from) + "/load' to='" + jid_of(to) + "'><body>" + xmpp::escape_text(body) +
         "</body></message>";
}

/// Spoils one in twenty, never the last of a flow: a swap needs a successor.
class Relay {
 public:
  Relay(Spoil spoil, std::uint64_t seed) : spoil_(spoil), random_(seed) {}

  void carry(std::vector<Wire>& wires, std::uint32_t from, std::uint32_t to, std::string text,
             bool may_spoil) {
    auto& wire = wires[to].stanzas;
    if (held_.first) {
      // The one that was held back follows the one it should have come before.
      wire.push_back(std::move(text));
      wire.push_back(std::move(held_.second));
      held_ = {false, ""};
      return;
    }
    if (!may_spoil || spoil_ == Spoil::none || random_() % 20 != 0) {
      wire.push_back(std::move(text));
      return;
    }
    ++spoiled_;
    switch (spoil_) {
      case Spoil::none:
      case Spoil::drop:
        break;
      case Spoil::repeat:
        wire.push_back(text);
        wire.push_back(std::move(text));
        break;
      case Spoil::swap:
        held_ = {true, std::move(text)};
        break;
      case Spoil::alter: {
        // A letter of the body becomes its neighbour: still well-formed, still UTF-8.
        const auto at = text.find("meerkat");
        text[at] = 'n';
        wire.push_back(std::move(text));
        break;
      }
      case Spoil::misdeliver:
        wires[(to + 2) % clients].stanzas.push_back(std::move(text));
        break;
      case Spoil::forge: {
        const auto at = text.find("from='" + jid_of(from));
        text.replace(at + 6, jid_of(from).size(), "mallory@self.test");
        wire.push_back(std::move(text));
        break;
      }
    }
  }

  [[nodiscard]] std::uint64_t spoiled() const { return spoiled_; }

 private:
  Spoil spoil_;
  std::mt19937_64 random_;
  std::uint64_t spoiled_ = 0;
  std::pair<bool, std::string> held_{false, ""};
};

/// Reads a wire as a client does: through the stream parser, in slices that stop anywhere.
void receive(const Wire& wire, Audit& audit, std::mt19937_64& random) {
  std::string bytes =
      "<stream:stream xmlns='jabber:client' "
      "xmlns:stream='http://etherx.jabber.org/streams' version='1.0' id='1'>";
  for (const auto& stanza : wire.stanzas) bytes += stanza;
  xmpp::StreamParser parser(xmpp::StreamLimits::server());
  std::string_view rest = bytes;
  while (!rest.empty()) {
    std::string_view slice = rest.substr(0, 1 + random() % 900);
    rest.remove_prefix(slice.size());
    while (true) {
      const auto event = parser.next(slice);
      if (event == xmpp::StreamParser::Event::need_more) break;
      if (event != xmpp::StreamParser::Event::element) continue;
      const auto stanza = xmpp::Stanza::parse(parser.element());
      if (stanza.has_error()) continue;  // The audit will miss it, and say so.
      audit.on_message(wire.client, stanza->id(), stanza->from(),
                       stanza->root().child("body", "jabber:client").text(), Micros(0));
    }
  }
}

Audit new_audit() {
  Audit audit(std::string(run_name), {[](std::uint32_t client) { return jid_of(client); },
                                      [](std::uint32_t) { return std::string("relay"); }});
  for (std::uint32_t i = 0; i < clients; ++i) audit.add_flow(i, i ^ 1U);
  return audit;
}

MessageKey write_next(Audit& audit, std::uint32_t flow) {
  const MessageKey key = audit.take_next(flow);
  audit.on_written(key, false);
  audit.on_acknowledged(key);
  return key;
}

/// The archive of `owner`, with one in twenty of what it got spoilt as `spoil` says.
void read_archive(Audit& audit, std::uint32_t owner, Fate spoil, std::mt19937_64& random,
                  std::uint64_t& spoiled) {
  ArchiveAudit archive(audit, owner, {owner, owner ^ 1U});
  const auto enter = [&](std::uint32_t flow, std::uint32_t seq) {
    const auto id = message_id(run_name, {flow, seq});
    archive.on_entry(id, jid_of(flow) + "/load", message_body(id, Micros(seq), 300), Micros(0));
  };
  for (std::uint32_t seq = 0; seq < messages_a_flow; ++seq) {
    enter(owner, seq);
    const bool is_spoiled = seq + 1 < messages_a_flow && random() % 20 == 0;
    if (!is_spoiled || spoil == Fate::archived_twice) enter(owner ^ 1U, seq);
    if (!is_spoiled) continue;
    ++spoiled;
    if (spoil == Fate::archived_twice) enter(owner ^ 1U, seq);
    if (spoil != Fate::archived_late) continue;
    enter(owner, ++seq);
    enter(owner ^ 1U, seq);
    enter(owner ^ 1U, seq - 1);
  }
  archive.on_end(Micros(0));
}

SelfTestStep play_archives(std::string name, Fate spoil, std::uint64_t seed) {
  Audit audit = new_audit();
  for (std::uint32_t flow = 0; flow < clients; ++flow) {
    for (std::uint32_t i = 0; i < messages_a_flow; ++i) write_next(audit, flow);
  }
  SelfTestStep step;
  step.name = std::move(name);
  step.expected = spoil;
  std::mt19937_64 random(seed);
  for (std::uint32_t owner = 0; owner < clients; ++owner) {
    read_archive(audit, owner, spoil, random, step.injected);
  }
  step.found = audit.counts().of(spoil);
  for (std::size_t i = 0; i < fate_count; ++i) {
    const auto fate = static_cast<Fate>(i);
    if (is_wrong(fate) && fate != spoil) step.others += audit.counts().of(fate);
  }
  return step;
}

SelfTestStep play(std::string name, Spoil spoil, Fate expected, std::uint64_t seed) {
  std::vector<Wire> wires(clients);
  for (std::uint32_t i = 0; i < clients; ++i) wires[i].client = i;
  Audit audit = new_audit();
  Relay relay(spoil, seed);
  // Flow by flow, so that a held stanza waits for the next one of its own flow.
  for (std::uint32_t flow = 0; flow < clients; ++flow) {
    for (std::uint32_t i = 0; i < messages_a_flow; ++i) {
      const auto id = message_id(run_name, write_next(audit, flow));
      relay.carry(wires, flow, flow ^ 1U,
                  stanza_text(flow, flow ^ 1U, id, message_body(id, Micros(i), 300)),
                  i + 1 < messages_a_flow);
    }
  }
  std::mt19937_64 random(seed);
  for (const Wire& wire : wires) receive(wire, audit, random);
  audit.conclude(Micros(0));
  SelfTestStep step;
  step.name = std::move(name);
  step.expected = expected;
  step.injected = relay.spoiled();
  const AuditCounts& counts = audit.counts();
  step.found = spoil == Spoil::none ? 0 : counts.of(expected);
  for (std::size_t i = 0; i < fate_count; ++i) {
    const auto fate = static_cast<Fate>(i);
    if (is_wrong(fate) && (fate != expected || spoil == Spoil::none))
      step.others += counts.of(fate);
  }
  // What came spoilt did not come whole: the message it should have been is missing too.
  if (expected == Fate::altered || expected == Fate::misdelivered || expected == Fate::invented) {
    step.others -= std::min(step.others, counts.of(Fate::lost));
    if (counts.of(Fate::lost) != step.injected) ++step.others;
  }
  if (spoil == Spoil::none && counts.of(Fate::delivered) != counts.sent) ++step.others;
  return step;
}

}  // namespace

bool SelfTestStep::passed() const {
  const bool spoils = expected != Fate::delivered;
  return found == injected && others == 0 && (injected > 0) == spoils;
}

std::vector<SelfTestStep> self_test(std::uint64_t seed) {
  return {play("nothing", Spoil::none, Fate::delivered, seed),
          play("drop", Spoil::drop, Fate::lost, seed),
          play("repeat", Spoil::repeat, Fate::duplicated, seed),
          play("swap", Spoil::swap, Fate::reordered, seed),
          play("alter", Spoil::alter, Fate::altered, seed),
          play("misdeliver", Spoil::misdeliver, Fate::misdelivered, seed),
          play("forge the sender", Spoil::forge, Fate::invented, seed),
          play_archives("leave out of an archive", Fate::unarchived, seed),
          play_archives("archive twice", Fate::archived_twice, seed),
          play_archives("archive late", Fate::archived_late, seed)};
}

}  // namespace loadgen
