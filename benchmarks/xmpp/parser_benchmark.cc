// What a chat message costs on its way through the protocol library.

#include <benchmark/benchmark.h>

#include <string>
#include <string_view>

#include "xmpp/jid.h"
#include "xmpp/stanza.h"
#include "xmpp/stream_parser.h"

namespace xmpp {
namespace {

constexpr std::string_view header =
    "<stream:stream to='localhost' version='1.0' xmlns='jabber:client' "
    "xmlns:stream='http://etherx.jabber.org/streams'>";

// As a phone's client sends it, 390 bytes.
const std::string chat =
    "<message xml:lang='en' to='juliet@capulet.example/balcony' "
    "from='romeo@montague.example/orchard' "
    "type='chat' id='a6f0e1c2-7a51-4f0e-9a55-1f5e0b1d2c3a'><body>But, soft! what light through "
    "yonder window breaks? It is the east, and Juliet is the sun.</body><active "
    "xmlns='http://jabber.org/protocol/chatstates'/><request xmlns='urn:xmpp:receipts'/><markable "
    "xmlns='urn:xmpp:chat-markers:0'/></message>";

void feed_header(StreamParser& parser) {
  std::string_view input = header;
  if (parser.next(input) != StreamParser::Event::stream_open) {
    std::abort();
  }
}

/// Sixteen stanzas a read, as from a busy connection; slices of state.range(0) bytes.
void scan(benchmark::State& state) {
  StreamParser parser(StreamLimits::after_login());
  feed_header(parser);
  std::string bytes;
  for (int i = 0; i < 16; ++i) bytes += chat;
  const auto slice_bytes = static_cast<std::size_t>(state.range(0));
  std::int64_t stanzas = 0;
  for (auto _ : state) {
    for (std::size_t at = 0; at < bytes.size(); at += slice_bytes) {
      std::string_view input = std::string_view(bytes).substr(at, slice_bytes);
      StreamParser::Event event;
      while ((event = parser.next(input)) == StreamParser::Event::element) {
        benchmark::DoNotOptimize(parser.element().data());
        ++stanzas;
      }
      if (event == StreamParser::Event::error) {
        state.SkipWithError("refused");
      }
    }
  }
  state.SetItemsProcessed(stanzas);
  state.SetBytesProcessed(static_cast<std::int64_t>(bytes.size()) *
                          static_cast<std::int64_t>(state.iterations()));
  state.counters["stanza_bytes"] = static_cast<double>(chat.size());
}
BENCHMARK(scan)->Arg(1 << 20)->Arg(1400)->Arg(100)->Arg(1);

void parse(benchmark::State& state) {
  for (auto _ : state) {
    const Result<Stanza> stanza = Stanza::parse(chat);
    benchmark::DoNotOptimize(stanza->root());
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(parse);

void print(benchmark::State& state) {
  const Stanza stanza = Stanza::parse(chat).value();
  for (auto _ : state) {
    benchmark::DoNotOptimize(stanza.to_string());
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(print);

/// What a server does that looks at nothing: tree, `from` stamped, bytes again.
void restamp(benchmark::State& state) {
  for (auto _ : state) {
    Stanza stanza = std::move(Stanza::parse(chat).value());
    stanza.set_from("romeo@montague.example/orchard");
    benchmark::DoNotOptimize(stanza.to_string());
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(restamp);

void parse_jid(benchmark::State& state, std::string_view text) {
  for (auto _ : state) {
    benchmark::DoNotOptimize(Jid::parse(text));
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK_CAPTURE(parse_jid, ascii, "romeo@montague.example/orchard");
BENCHMARK_CAPTURE(parse_jid, unicode, "rom\xc3\xa9o@montague.example/orchard");

}  // namespace
}  // namespace xmpp
