#include "server/blocking/block_list.h"

#include <charconv>
#include <chrono>
#include <set>
#include <utility>

namespace server {
namespace {

std::uint64_t seconds_now() {
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::seconds>(
                                        std::chrono::system_clock::now().time_since_epoch())
                                        .count());
}

// A prepared JID has no line's end in it.
bool has_line(std::string_view lines, std::string_view line) {
  for (std::size_t at = 0; (at = lines.find(line, at)) != std::string_view::npos; ++at) {
    const std::size_t end = at + line.size();
    const bool begins = at == 0 || lines[at - 1] == '\n';
    if (begins && end < lines.size() && lines[end] == '\n') return true;
  }
  return false;
}

std::set<std::string> set_of(const std::vector<std::string>& jids) {
  return {jids.begin(), jids.end()};
}

std::string lines_of(const std::set<std::string>& jids) {
  std::string lines;
  for (const std::string& jid : jids) lines += jid + '\n';
  return lines;
}

}  // namespace

std::optional<BlockList> BlockList::parse(std::string_view text) {
  if (text.empty()) return BlockList();
  const std::size_t end = text.find('\n');
  if (end == std::string_view::npos || text.back() != '\n') return std::nullopt;
  std::uint64_t version = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + end, version);
  if (error != std::errc() || stop != text.data() + end) return std::nullopt;
  return BlockList(version, text.substr(end + 1));
}

std::string BlockList::to_string() const {
  return version_ == 0 ? std::string() : std::to_string(version_) + '\n' + lines_;
}

std::vector<std::string> BlockList::jids() const {
  std::vector<std::string> jids;
  for (std::size_t at = 0; at < lines_.size();) {
    const std::size_t end = lines_.find('\n', at);
    jids.push_back(lines_.substr(at, end - at));
    at = end + 1;
  }
  return jids;
}

bool BlockList::blocks(std::string_view lines, const xmpp::Jid& jid) {
  if (lines.empty()) return false;
  return has_line(lines, jid.str()) || (jid.is_full() && has_line(lines, jid.bare_str())) ||
         (jid.has_local() && has_line(lines, jid.domain()));
}

bool BlockList::block(const std::vector<std::string>& jids, const BlockLimits& limits) {
  std::set<std::string> all = set_of(this->jids());
  all.insert(jids.begin(), jids.end());
  std::string lines = lines_of(all);
  if (all.size() > limits.jids_max || lines.size() > limits.bytes_max) return false;
  replace(std::move(lines));
  return true;
}

void BlockList::unblock(const std::vector<std::string>& jids) {
  std::set<std::string> left = set_of(this->jids());
  for (const std::string& jid : jids) left.erase(jid);
  replace(jids.empty() ? std::string() : lines_of(left));
}

void BlockList::replace(std::string lines) {
  if (lines == lines_) return;
  lines_ = std::move(lines);
  version_ = version_ == 0 ? seconds_now() : version_ + 1;
}

}  // namespace server
