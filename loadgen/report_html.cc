// The report a person opens: one file, no network, light and dark.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <functional>

#include "loadgen/chart.h"
#include "loadgen/report.h"

namespace loadgen {
namespace {

namespace json = boost::json;

constexpr const char* style = R"(
:root{color-scheme:light dark;--ink:#1c2430;--soft:#647084;--line:#dfe4ea;--paper:#fbfcfd;
--card:#fff;--good:#1a7f4b;--bad:#c0322b;--warn:#a86400;--band:#5b7db133}
@media(prefers-color-scheme:dark){:root{--ink:#e4e9f0;--soft:#98a4b5;--line:#2d3744;--paper:#12171e;
--card:#19202a;--good:#4cc38a;--bad:#ff7a70;--warn:#f0b352;--band:#7da2dd2e}}
*{box-sizing:border-box}body{margin:0 auto;max-width:1120px;padding:32px 24px 80px;background:var(--paper);
color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",sans-serif}
h1{font-size:26px;margin:0 0 4px;letter-spacing:-.01em}h2{font-size:17px;margin:36px 0 10px}
.soft{color:var(--soft)}.verdict{display:flex;gap:16px;align-items:baseline;padding:18px 22px;border-radius:12px;
background:var(--card);border:1px solid var(--line);border-left:6px solid var(--tone);margin:18px 0;font-size:17px}
.verdict b{color:var(--tone);text-transform:uppercase;letter-spacing:.05em}
.tiles{display:grid;grid-template-columns:repeat(auto-fill,minmax(170px,1fr));gap:10px}
.tile{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:12px 14px}
.tile b{display:block;font-size:21px;font-weight:600;font-variant-numeric:tabular-nums}.tile span{color:var(--soft);font-size:13px}
.tile.bad b{color:var(--bad)}.card{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:14px 16px;margin:12px 0;overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:13.5px;font-variant-numeric:tabular-nums}
th{color:var(--soft);font-weight:500;text-align:right;padding:4px 10px;border-bottom:1px solid var(--line);white-space:nowrap}
td{padding:4px 10px;text-align:right;border-bottom:1px solid var(--line);white-space:nowrap}
th:first-child,td:first-child{text-align:left}tr:last-child td{border-bottom:0}
.ok{color:var(--good)}.no{color:var(--bad)}svg{width:100%;height:auto;display:block}
svg text{fill:var(--soft);font:11px system-ui,sans-serif}.legend{display:flex;flex-wrap:wrap;gap:14px;font-size:13px;color:var(--soft);margin:0 0 4px}
.legend b{color:var(--ink);font-weight:600;margin-right:6px}.key{display:inline-block;width:14px;height:3px;border-radius:2px;margin-right:6px;vertical-align:middle}
code{font-size:13px;word-break:break-all}
)";

std::string escape(std::string_view text) {
  std::string out;
  for (const char letter : text) {
    switch (letter) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += letter;
    }
  }
  return out;
}

double number(const json::object& object, std::string_view name, double otherwise = 0) {
  const auto* value = object.if_contains(name);
  if (value == nullptr || !value->is_number()) return otherwise;
  return value->to_number<double>();
}

std::string text(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : "";
}

const json::array& array(const json::object& object, std::string_view name) {
  static const json::array nothing;
  const auto* value = object.if_contains(name);
  return value != nullptr && value->is_array() ? value->get_array() : nothing;
}

const json::object& object(const json::object& parent, std::string_view name) {
  static const json::object nothing;
  const auto* value = parent.if_contains(name);
  return value != nullptr && value->is_object() ? value->get_object() : nothing;
}

std::string whole(double value) {
  return grouped(static_cast<std::uint64_t>(std::llround(std::max(0.0, value))));
}

std::string figure_text(std::string_view name, double value) {
  if (name.find("bytes") != std::string_view::npos) return whole(value) + " B";
  if (name.find("us_per") != std::string_view::npos) return short_time(value / 1e6);
  if (name.ends_with("_per_s") || name.find("_core_s") != std::string_view::npos) {
    return whole(value) + "/s";
  }
  if (name.ends_with("_s") || name.find("_s_per_node") != std::string_view::npos) {
    return short_time(value);
  }
  std::array<char, 32> digits{};
  std::snprintf(digits.data(), digits.size(), value == std::floor(value) ? "%.0f" : "%.2f", value);
  return digits.data();
}

std::string readable(std::string_view name) {
  std::string words(name.substr(0, name.find('@')));
  for (const std::string_view unit : {"_per_s", "_s"}) {
    if (!words.ends_with(unit)) continue;
    words.resize(words.size() - unit.size());
    break;
  }
  std::replace(words.begin(), words.end(), '_', ' ');
  if (const auto at = name.find('@'); at != std::string_view::npos) {
    words += " in " + std::string(name.substr(at + 1));
  }
  return words;
}

std::string tile(const std::string& value, const std::string& name, bool bad = false) {
  return "<div class='tile" + std::string(bad ? " bad" : "") + "'><b>" + escape(value) +
         "</b><span>" + escape(name) + "</span></div>";
}

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

std::string charts(const json::object& report) {
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

std::string audit_section(const json::object& report) {
  const auto& audit = object(report, "audit");
  std::string html = "<h2>Audit</h2><div class='tiles'>";
  html += tile(whole(number(audit, "sent")), "sent");
  html += tile(whole(number(audit, "delivered")), "delivered");
  for (const char* name :
       {"lost", "duplicated", "reordered", "altered", "misdelivered", "invented"}) {
    html += tile(whole(number(audit, name)), name, number(audit, name) > 0);
  }
  for (const char* name : {"bounced", "redelivered", "overtaken", "unknown", "resent"}) {
    html += tile(whole(number(audit, name)), name);
  }
  html += "</div>";
  const auto& offenders = array(audit, "offenders");
  if (offenders.empty()) return html;
  html +=
      "<div class='card'><table><tr><th>fate</th><th>id</th><th>from</th><th>to</th>"
      "<th>node</th><th>seen at</th></tr>";
  for (std::size_t i = 0; i < std::min<std::size_t>(offenders.size(), 20); ++i) {
    const auto& one = offenders[i].get_object();
    html += "<tr><td>" + escape(text(one, "fate")) + "</td>";
    for (const char* name : {"id", "from", "to", "node"}) {
      html += "<td>" + escape(text(one, name)) + "</td>";
    }
    html += "<td>" + short_time(number(one, "at_s")) + "</td></tr>";
  }
  return html + "</table></div>";
}

std::string threshold_section(const json::object& report) {
  const auto& thresholds = array(report, "thresholds");
  if (thresholds.empty()) return "";
  std::string html =
      "<h2>Thresholds</h2><div class='card'><table><tr><th>threshold</th>"
      "<th>measured</th><th></th></tr>";
  for (const auto& value : thresholds) {
    const auto& one = value.get_object();
    const auto wanted = text(one, "text");
    const bool passed = one.at("passed").is_bool() && one.at("passed").get_bool();
    const bool measured = one.at("value_s").is_number();
    const auto metric = wanted.substr(0, wanted.find_first_of("@ "));
    const bool is_time = metric.find('.') != std::string::npos;
    const double found = number(one, "value_s");
    html += "<tr><td>" + escape(wanted) + "</td><td>" +
            (!measured ? "not measured"
             : is_time ? short_time(found)
                       : figure_text(metric, found)) +
            "</td><td class='" + (passed ? "ok'>met" : "no'>missed") + "</td></tr>";
  }
  return html + "</table></div>";
}

std::string latency_cells(const json::object& phase, const char* kind) {
  const auto& one = object(object(phase, "latency"), kind);
  std::string html;
  for (const char* name : {"p50_s", "p99_s", "p999_s", "max_s"}) {
    html += "<td>" + (number(one, "count") > 0 ? short_time(number(one, name)) : "–") + "</td>";
  }
  return html;
}

std::string phase_section(const json::object& report) {
  std::string html =
      "<h2>Phases</h2><div class='card'><table><tr><th>phase</th><th>seconds</th>"
      "<th>sessions</th><th>received</th><th>p50</th><th>p99</th><th>p99.9</th>"
      "<th>max</th><th>logins</th><th>lost streams</th><th>offline max</th>"
      "<th>CPU a message</th></tr>";
  std::array<char, 32> took{};
  for (const auto& value : array(report, "phases")) {
    const auto& phase = value.get_object();
    std::snprintf(took.data(), took.size(), "%.1f",
                  number(phase, "ended_s") - number(phase, "began_s"));
    const auto& offline = object(object(phase, "latency"), "offline");
    const double cost = number(object(phase, "figures"), "server_cpu_us_per_message");
    html += "<tr><td>" + escape(text(phase, "name")) + "</td><td>" + took.data() + "</td><td>" +
            whole(number(phase, "sessions")) + "</td><td>" + whole(number(phase, "received")) +
            "</td>" + latency_cells(phase, "delivery") + "<td>" + whole(number(phase, "logins")) +
            "</td><td>" + whole(number(phase, "streams_lost")) + "</td><td>" +
            (number(offline, "count") > 0 ? short_time(number(offline, "max_s")) : "–") +
            "</td><td>" + (cost > 0 ? short_time(cost / 1e6) : "–") + "</td></tr>";
  }
  html += "</table></div>";
  const auto& actions = array(report, "actions");
  if (actions.empty()) return html;
  html +=
      "<h2>Actions</h2><div class='card'><table><tr><th>action</th><th>phase</th>"
      "<th>began</th><th>took</th><th>streams ended meanwhile</th><th>outcome</th></tr>";
  for (const auto& value : actions) {
    const auto& action = value.get_object();
    html += "<tr><td>" + escape(text(action, "kind") + " " + text(action, "node")) + "</td><td>" +
            escape(text(action, "phase")) + "</td><td>" + short_time(number(action, "began_s")) +
            "</td><td>" + short_time(number(action, "ended_s") - number(action, "began_s")) +
            "</td><td>" + whole(number(action, "sessions_moved")) + "</td><td>" +
            escape(text(action, "outcome")) + "</td></tr>";
  }
  return html + "</table></div>";
}

std::string detail_section(const json::object& report) {
  const auto& run = object(report, "run");
  std::string html = "<h2>Why streams ended and logins failed</h2>";
  const auto& endings = object(report, "stream_endings");
  if (endings.empty()) html += "<p class='soft'>None did.</p>";
  if (!endings.empty()) {
    html += "<div class='card'><table><tr><th>reason</th><th>times</th></tr>";
    for (const auto& [reason, count] : endings) {
      html += "<tr><td>" + escape(reason) + "</td><td>" +
              whole(count.is_number() ? count.to_number<double>() : 0) + "</td></tr>";
    }
    html += "</table></div>";
  }
  html += "<h2>Events</h2><div class='card'><table>";
  for (const auto& value : array(report, "events")) {
    const auto& event = value.get_object();
    html += "<tr><td style='width:90px'>" +
            clock_text(Micros(static_cast<std::int64_t>(number(event, "t") * 1e6))) +
            "</td><td style='text-align:left;white-space:normal'>" + escape(text(event, "text")) +
            "</td></tr>";
  }
  html += "</table></div><h2>How it was run</h2><div class='card'>";
  html += "<p><code>" + escape(text(run, "command")) + "</code></p><p class='soft'>" +
          escape(text(object(run, "machine"), "cpu")) + ", " +
          whole(number(object(run, "machine"), "cores")) + " cores · commit " +
          escape(text(run, "commit").empty() ? "not given" : text(run, "commit")) + " · seed " +
          whole(number(run, "seed")) + " · " + escape(text(run, "model")) + " model · TLS " +
          escape(text(run, "tls")) + " · scenario " + escape(text(run, "scenario_hash")) + "</p>";
  return html + "</div>";
}

}  // namespace

std::string render_html(const json::object& report) {
  const auto& run = object(report, "run");
  const auto verdict = text(report, "verdict");
  const char* tone = verdict == "pass"    ? "var(--good)"
                     : verdict == "wrong" ? "var(--bad)"
                                          : "var(--warn)";
  std::string html =
      "<!doctype html><html lang='en'><meta charset='utf-8'>"
      "<meta name='viewport' content='width=device-width,initial-scale=1'><title>" +
      escape(text(run, "scenario")) + ": " + escape(verdict) + "</title><style>" + style +
      "</style><body><h1>" + escape(text(run, "scenario")) + "</h1><div class='soft'>" +
      escape(text(run, "about")) + "</div>";
  html += "<div class='verdict' style='--tone:" + std::string(tone) + "'><b>" + escape(verdict) +
          "</b><span>" + escape(verdict_sentence(report)) + "</span></div><div class='tiles'>";
  const auto& delivery = object(object(report, "latency"), "delivery");
  if (number(delivery, "count") > 0) {
    html += tile(short_time(number(delivery, "p50_s")), "delivery p50");
    html += tile(short_time(number(delivery, "p99_s")), "delivery p99");
    html += tile(short_time(number(delivery, "max_s")), "delivery max");
  }
  for (const auto& [name, value] : object(report, "figures")) {
    if (!value.is_number()) continue;
    html += tile(figure_text(name, value.to_number<double>()), readable(name));
  }
  html += "</div>";
  html += threshold_section(report) + audit_section(report) + charts(report);
  Histogram all = histogram_from_json(array(report, "delivery_histogram_us"));
  if (all.count() > 0) html += percentile_chart(all);
  html += phase_section(report) + detail_section(report);
  return html + "</body></html>\n";
}

std::string verdict_sentence(const json::object& report) {
  const auto& audit = object(report, "audit");
  const auto verdict = text(report, "verdict");
  std::string sentence;
  double wrong = 0;
  for (const char* name :
       {"lost", "duplicated", "reordered", "altered", "misdelivered", "invented"}) {
    wrong += number(audit, name);
  }
  if (number(audit, "sent") > 0) {
    sentence = whole(number(audit, "delivered")) + " of " + whole(number(audit, "sent")) +
               " messages were delivered, " +
               (wrong == 0 ? "none lost, doubled, reordered or altered"
                           : whole(wrong) + " of them wrongly");
    if (number(audit, "bounced") > 0) {
      sentence += ", " + whole(number(audit, "bounced")) + " came back as errors";
    }
    if (number(audit, "unknown") > 0) {
      sentence += ", " + whole(number(audit, "unknown")) + " died with their connection";
    }
    const auto& delivery = object(object(report, "latency"), "delivery");
    sentence += "; p99 " + short_time(number(delivery, "p99_s")) + ".";
  } else {
    sentence = "No messages were part of this run.";
  }
  for (const auto& reason : array(report, "reasons")) {
    if (reason.is_string()) sentence += " " + std::string(reason.get_string()) + ".";
  }
  if (verdict == "slow") {
    for (const auto& value : array(report, "thresholds")) {
      const auto& one = value.get_object();
      if (!one.at("passed").get_bool()) sentence += " Missed: " + text(one, "text") + ".";
    }
  }
  if (verdict == "unreachable") {
    for (const auto& [reason, count] : object(report, "stream_endings")) {
      sentence += " " + std::string(reason) + ".";
    }
  }
  return sentence;
}

std::string render_text(const json::object& report) {
  std::string out =
      "verdict   " + text(report, "verdict") + "\n          " + verdict_sentence(report) + "\n";
  const auto& audit = object(report, "audit");
  out += "audit    ";
  for (const char* name : {"lost", "duplicated", "reordered", "altered", "misdelivered", "invented",
                           "bounced", "redelivered", "unknown"}) {
    out += std::string(" ") + name + " " + whole(number(audit, name));
  }
  out += "\n";
  for (const auto& value : array(report, "thresholds")) {
    const auto& one = value.get_object();
    out +=
        std::string(one.at("passed").get_bool() ? "met       " : "missed    ") + text(one, "text");
    if (one.at("value_s").is_number()) {
      std::array<char, 32> digits{};
      std::snprintf(digits.data(), digits.size(), "   (%.4g)", number(one, "value_s"));
      out += digits.data();
    }
    out += "\n";
  }
  for (const auto& [name, value] : object(report, "figures")) {
    if (!value.is_number()) continue;
    out +=
        "figure    " + readable(name) + ": " + figure_text(name, value.to_number<double>()) + "\n";
  }
  return out;
}

}  // namespace loadgen
