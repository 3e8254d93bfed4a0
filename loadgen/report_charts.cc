#include "loadgen/report_charts.h"

#include <algorithm>
#include <vector>

#include "loadgen/chart.h"
#include "loadgen/quantity.h"
#include "loadgen/report_values.h"

namespace loadgen {
namespace {

namespace json = boost::json;

std::vector<Band> bands_of(const json::object& report) {
  std::vector<Band> bands;
  for (const auto& value : array(report, "actions")) {
    const auto& action = value.get_object();
    auto name = text(action, "kind");
    if (const auto node = text(action, "node"); !node.empty()) name += " " + node;
    bands.push_back({number(action, "began_s"), number(action, "ended_s"), name});
  }
  return bands;
}

std::vector<Mark> marks_of(const json::object& report) {
  std::vector<Mark> marks;
  for (const auto& value : array(report, "phases")) {
    const auto& phase = value.get_object();
    marks.push_back({number(phase, "began_s"), text(phase, "name")});
  }
  return marks;
}

/// Column `name` of a {columns, rows} object, as a line over time.
Line line_of(const json::object& series, std::string_view name, const std::string& label,
             std::size_t colour, double factor = 1) {
  Line line{label, colour, {}};
  const auto& columns = array(series, "columns");
  std::size_t at = columns.size();
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (columns[i].is_string() && columns[i].get_string() == name) at = i;
  }
  for (const auto& value : array(series, "rows")) {
    const auto& row = value.get_array();
    if (at >= row.size() || !row[at].is_number()) continue;
    line.points.emplace_back(row[0].to_number<double>(), row[at].to_number<double>() * factor);
  }
  return line;
}

}  // namespace

std::string charts_html(const json::object& report) {
  const auto& series = object(report, "series");
  TimeAxis axis;
  for (const auto& row : array(series, "rows")) {
    axis.end = std::max(axis.end, row.get_array()[0].to_number<double>());
  }
  axis.bands = bands_of(report);
  axis.marks = marks_of(report);
  std::string html = "<h2>Over time</h2>";
  html += chart("Messages a second", "", axis, false,
                {line_of(series, "offered", "offered", 0), line_of(series, "sent", "sent", 1),
                 line_of(series, "received", "received", 2)});
  html += chart("Delivery latency", "ms, logarithmic", axis, true,
                {line_of(series, "delivery_p50_s", "p50", 2, 1e3),
                 line_of(series, "delivery_p99_s", "p99", 3, 1e3),
                 line_of(series, "delivery_max_s", "max", 4, 1e3)});
  std::vector<Line> clients;
  std::vector<Line> cpu;
  std::vector<Line> memory;
  std::size_t colour = 0;
  for (const auto& value : array(report, "nodes")) {
    const auto& node = value.get_object();
    const auto name = text(node, "name");
    clients.push_back(line_of(node, "clients", name, colour));
    cpu.push_back(line_of(node, "cpu", name, colour, 100));
    memory.push_back(line_of(node, "rss_bytes", name, colour, 1.0 / (1 << 20)));
    ++colour;
  }
  html += chart("Our sessions on each node", "", axis, false, clients);
  html += chart(
      "Logins and lost streams a second", "", axis, false,
      {line_of(series, "logins", "logins", 2), line_of(series, "lost_streams", "lost streams", 4),
       line_of(series, "failed_logins", "failed logins", 3)});
  html += chart("Waiting", "messages", axis, false,
                {line_of(series, "waiting", "in outboxes", 3),
                 line_of(series, "open", "sent, not yet seen", 0)});
  html += chart("CPU of each node", "% of a core", axis, false, cpu);
  html += chart("Memory of each node", "MiB", axis, false, memory);
  html += chart("The generator itself", "ms lag p99; CPU in % of a core", axis, false,
                {line_of(series, "lag_p99_s", "lag p99, ms", 3, 1e3),
                 line_of(series, "generator_cpu", "CPU, %", 5, 100)});
  return html;
}

}  // namespace loadgen
