// Gives a fuzz target its corpus, and mutations of it, in every build: `replay [--seed=N] FILE…`.
// A finding of the fuzzer becomes a corpus file, so it stays found.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <string_view>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

constexpr int mutations_per_file = 300;  // About two seconds for a corpus of a hundred files.

std::string mutated(std::string text, const std::vector<std::string>& corpus,
                    std::mt19937& random) {
  static constexpr std::string_view pieces[] = {
      "<", ">", "/",  "&",  ";",  "'",  "\"",   "]]>",  "<![CDATA[", "&#x", "xmlns:", "=",
      ":", " ", "\r", "\n", "</", "/>", "\xc3", "\x80", "@",         "xml", "&lt;"};
  const auto below = [&](std::size_t n) {
    return std::uniform_int_distribution<std::size_t>(0, n - 1)(random);
  };
  for (std::size_t changes = 1 + below(4); changes > 0; --changes) {
    const std::size_t at = below(text.size() + 1);
    switch (below(5)) {
      case 0:
        text.insert(at, pieces[below(std::size(pieces))]);
        break;
      case 1:
        text.erase(at, 1 + below(8));
        break;
      case 2:
        text.insert(at, 1, static_cast<char>(below(256)));
        break;
      case 3: {
        const std::string& other = corpus[below(corpus.size())];
        const std::size_t from = below(other.size() + 1);
        text.insert(at, other.substr(from, 1 + below(24)));
        break;
      }
      default:
        text.insert(at, text.substr(below(text.size() + 1), 1 + below(24)));
    }
  }
  return text;
}

void run(const std::string& text) {
  // Of exactly its size on the heap, so that the sanitizers see a read past its end.
  const std::vector<std::uint8_t> bytes(text.begin(), text.end());
  LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
}

}  // namespace

int main(int argc, char** argv) {
  std::uint32_t seed = std::random_device()();
  std::vector<std::string> corpus;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument.starts_with("--seed=")) {
      seed = static_cast<std::uint32_t>(std::strtoul(argv[i] + 7, nullptr, 10));
      continue;
    }
    std::ifstream file(argv[i], std::ios::binary);
    if (!file) {
      std::fprintf(stderr, "cannot read %s\n", argv[i]);
      return 1;
    }
    corpus.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  if (corpus.empty()) {
    std::fprintf(stderr, "no corpus given: nothing would be tested\n");
    return 1;
  }
  std::printf("%zu files, %d mutations each, --seed=%u\n", corpus.size(), mutations_per_file, seed);
  std::fflush(stdout);
  std::mt19937 random(seed);
  for (const std::string& text : corpus) {
    run(text);
    for (int i = 0; i < mutations_per_file; ++i) {
      run(mutated(text, corpus, random));
    }
  }
}
