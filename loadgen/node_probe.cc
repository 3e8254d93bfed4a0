#include "loadgen/node_probe.h"

#include <unistd.h>

#include <charconv>
#include <fstream>
#include <sstream>

namespace loadgen {
namespace {

constexpr std::size_t answer_bytes_max = std::size_t{4} << 20;
constexpr int patience = 2;  // Asked once a second: two seconds.

}  // namespace

std::optional<ProcessUsage> process_usage(int pid) {
  std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
  std::string line;
  if (pid <= 0 || !std::getline(stat, line)) return std::nullopt;
  // The name in brackets may hold blanks: the fields are counted from behind it.
  const auto bracket = line.rfind(')');
  if (bracket == std::string::npos) return std::nullopt;
  std::istringstream fields(line.substr(bracket + 1));
  std::string skipped;
  for (int i = 0; i < 11; ++i) fields >> skipped;
  double user = 0;
  double system = 0;
  fields >> user >> system;
  for (int i = 0; i < 8; ++i) fields >> skipped;
  std::uint64_t pages = 0;
  fields >> pages;
  if (!fields) return std::nullopt;
  ProcessUsage usage;
  usage.cpu_seconds = (user + system) / static_cast<double>(sysconf(_SC_CLK_TCK));
  usage.resident_bytes = pages * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  return usage;
}

std::optional<double> metric_sum(std::string_view page, std::string_view name) {
  std::optional<double> sum;
  while (!page.empty()) {
    const auto end = page.find('\n');
    const auto line = page.substr(0, end);
    page = end == std::string_view::npos ? std::string_view() : page.substr(end + 1);
    if (!line.starts_with(name)) continue;
    const auto next = line.size() > name.size() ? line[name.size()] : '\0';
    if (next != ' ' && next != '{') continue;
    // A label's value may hold blanks, but the sample's value comes last.
    const auto blank = line.rfind(' ');
    double value = 0;
    const auto text = line.substr(blank + 1);
    if (std::from_chars(text.data(), text.data() + text.size(), value).ec == std::errc()) {
      sum = sum.value_or(0) + value;
    }
  }
  return sum;
}

void MetricsProbe::ask() {
  if (connection_.is_open()) {
    if (--patience_ > 0) return;
    connection_.close();
    page_.clear();
  }
  patience_ = patience;
  answer_.clear();
  const Endpoint any;
  if (connection_.open(endpoint_, any).has_error()) page_.clear();
}

void MetricsProbe::on_connected() {
  connection_.send("GET /metrics HTTP/1.1\r\nHost: " + endpoint_.text +
                   "\r\nConnection: close\r\n\r\n");
  connection_.flush();
}

void MetricsProbe::on_bytes(std::string_view bytes) {
  answer_.append(bytes);
  if (answer_.size() > answer_bytes_max) {
    connection_.close();
    page_.clear();
    return;
  }
  // A server that keeps the connection says how long the body is.
  const auto head = answer_.find("\r\n\r\n");
  if (head == std::string::npos) return;
  static constexpr std::string_view length_header = "\r\ncontent-length: ";
  std::string lower = answer_.substr(0, head);
  for (char& letter : lower) {
    if (letter >= 'A' && letter <= 'Z') letter = static_cast<char>(letter + 32);
  }
  const auto at = lower.find(length_header);
  if (at == std::string::npos) return;
  std::size_t length = 0;
  const char* digits = lower.data() + at + length_header.size();
  std::from_chars(digits, lower.data() + lower.size(), length);
  if (answer_.size() >= head + 4 + length) finish();
}

void MetricsProbe::on_closed(std::string_view) { finish(); }

void MetricsProbe::finish() {
  const auto head = answer_.find("\r\n\r\n");
  const bool good = answer_.starts_with("HTTP/1.1 200") && head != std::string::npos;
  page_ = good ? answer_.substr(head + 4) : std::string();
  answer_.clear();
  connection_.close();
}

}  // namespace loadgen
