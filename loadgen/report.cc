#include "loadgen/report.h"

#include <array>
#include <boost/json/serialize.hpp>
#include <cmath>
#include <cstdio>
#include <fstream>

namespace loadgen {
namespace {

namespace json = boost::json;

constexpr std::array sample_columns = {std::pair{"offered", "offered"},
                                       std::pair{"sent", "sent"},
                                       std::pair{"received", "received"},
                                       std::pair{"waiting", "waiting"},
                                       std::pair{"open", "open"},
                                       std::pair{"online", "online"},
                                       std::pair{"logins", "logins"},
                                       std::pair{"failed_logins", "failed"},
                                       std::pair{"lost_streams", "lost_streams"},
                                       std::pair{"delivery_p50_s", "p50"},
                                       std::pair{"delivery_p99_s", "p99"},
                                       std::pair{"delivery_max_s", "max"},
                                       std::pair{"lag_p99_s", "lag_p99"},
                                       std::pair{"generator_cpu", "generator_cpu"}};

constexpr std::array node_columns = {"t_s", "clients", "logins", "cpu", "rss_bytes", "sessions"};

constexpr std::array histogram_names = {"delivery", "within",  "across", "login",
                                        "resume",   "offline", "lag",    "ack"};
using Histograms = std::array<Histogram, histogram_names.size()>;

const json::value& member(const json::object& object, const char* name) {
  static const json::value nothing;
  const auto* value = object.if_contains(name);
  return value == nullptr ? nothing : *value;
}

json::object phase_of(const json::object& line, Histograms& whole) {
  json::object latency;
  const auto* histograms = member(line, "histograms").if_object();
  for (std::size_t i = 0; i < histogram_names.size(); ++i) {
    Histogram histogram;
    if (histograms != nullptr) {
      if (const auto* buckets = member(*histograms, histogram_names[i]).if_array()) {
        histogram = histogram_from_json(*buckets);
      }
    }
    whole[i].add(histogram);
    latency[histogram_names[i]] = percentiles(histogram);
  }
  json::object phase = line;
  phase.erase("kind");
  phase.erase("histograms");
  json::value reconnects = 0.0;
  if (const auto* figures = member(line, "figures").if_object()) {
    if (const auto* value = figures->if_contains("reconnects_per_client")) reconnects = *value;
  }
  phase["reconnects_per_client"] = std::move(reconnects);
  phase["latency"] = std::move(latency);
  return phase;
}

void add_node_rows(const json::object& sample, json::object& nodes) {
  const auto* list = member(sample, "nodes").if_array();
  if (list == nullptr) return;
  for (const auto& value : *list) {
    const auto& node = value.get_object();
    const auto& name = node.at("name").get_string();
    if (!nodes.contains(name)) nodes[name] = json::array();
    nodes[name].get_array().push_back(json::array{member(sample, "t"), member(node, "clients"),
                                                  member(node, "logins"), member(node, "cpu"),
                                                  member(node, "rss"), member(node, "sessions")});
  }
}

}  // namespace

json::object build_report(const Recording& recording) {
  json::object report{{"schema", 1}, {"verdict", "inconclusive"}, {"exit_code", 3}};
  json::object run;
  json::array phases;
  json::array actions;
  json::array events;
  json::array rows;
  json::object nodes;
  Histograms whole;
  report["reasons"] = json::array{"the recording ends before the run did"};
  report["thresholds"] = json::array();
  report["audit"] = json::object();
  report["figures"] = json::object();
  report["stream_endings"] = json::object();
  report["generator"] = json::object();
  for (const json::object& line : recording.lines()) {
    const auto& kind = line.at("kind").get_string();
    if (kind == "run") {
      run = line;
      run.erase("kind");
    } else if (kind == "sample") {
      json::array row{member(line, "t")};
      for (const auto& [column, key] : sample_columns) row.push_back(member(line, key));
      rows.push_back(std::move(row));
      add_node_rows(line, nodes);
    } else if (kind == "phase") {
      phases.push_back(phase_of(line, whole));
    } else if (kind == "action" || kind == "event") {
      json::object copy = line;
      copy.erase("kind");
      if (kind == "action") {
        copy["kind"] = copy.at("action");
        copy.erase("action");
        actions.push_back(std::move(copy));
      } else {
        events.push_back(std::move(copy));
      }
    } else if (kind == "end") {
      for (const auto& [key, value] : line) {
        if (key != "kind") report[key] = value;
      }
    }
  }
  report["run"] = std::move(run);
  json::object latency;
  for (std::size_t i = 0; i < whole.size(); ++i) {
    latency[histogram_names[i]] = percentiles(whole[i]);
  }
  report["latency"] = std::move(latency);
  report["delivery_histogram_us"] = to_json(whole[0]);
  report["phases"] = std::move(phases);
  report["actions"] = std::move(actions);
  report["events"] = std::move(events);
  json::array columns{"t_s"};
  for (const auto& [column, key] : sample_columns) columns.emplace_back(column);
  report["series"] =
      json::object{{"interval_s", 1}, {"columns", std::move(columns)}, {"rows", std::move(rows)}};
  json::array per_node;
  for (auto& [name, node_rows] : nodes) {
    json::array names;
    for (const char* column : node_columns) names.emplace_back(column);
    per_node.push_back(
        json::object{{"name", name}, {"columns", std::move(names)}, {"rows", node_rows}});
  }
  report["nodes"] = std::move(per_node);
  return report;
}

std::string render_hgrm(const Histogram& histogram) {
  std::string text = "       Value     Percentile TotalCount 1/(1-Percentile)\n\n";
  std::uint64_t seen = 0;
  for (const auto& [value, count] : histogram.buckets()) {
    seen += count;
    const double ratio = static_cast<double>(seen) / static_cast<double>(histogram.count());
    std::array<char, 128> line{};
    if (ratio < 1) {
      std::snprintf(line.data(), line.size(), "%12.3f %14.12f %10llu %16.2f\n",
                    static_cast<double>(value) / 1e3, ratio, static_cast<unsigned long long>(seen),
                    1 / (1 - ratio));
    } else {
      std::snprintf(line.data(), line.size(), "%12.3f %14.12f %10llu\n",
                    static_cast<double>(value) / 1e3, ratio, static_cast<unsigned long long>(seen));
    }
    text += line.data();
  }
  std::array<char, 160> foot{};
  std::snprintf(foot.data(), foot.size(), "#[Mean = %.3f, Max = %.3f, Total count = %llu]\n",
                static_cast<double>(histogram.mean().count()) / 1e3,
                static_cast<double>(histogram.max().count()) / 1e3,
                static_cast<unsigned long long>(histogram.count()));
  return text + foot.data();
}

Result<json::object> write_reports(const std::string& folder) {
  const auto recording = Recording::load(folder + "/recording.jsonl");
  if (recording.has_error()) return recording.error();
  json::object report = build_report(*recording);
  const auto write = [&](const std::string& name, const std::string& text) {
    std::ofstream file(folder + "/" + name);
    file << text;
    return file.good();
  };
  const auto histogram = histogram_from_json(report.at("delivery_histogram_us").get_array());
  if (!write("report.json", json::serialize(report) + "\n") ||
      !write("report.html", render_html(report)) ||
      !write("delivery.hgrm", render_hgrm(histogram))) {
    return Fault{"cannot write the report in " + folder};
  }
  return Result<json::object>(boost::system::in_place_value, std::move(report));
}

}  // namespace loadgen
