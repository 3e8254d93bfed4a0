// The report a person opens: one file, no network, light and dark.

#include <algorithm>
#include <array>
#include <cstdio>

#include "loadgen/chart.h"
#include "loadgen/quantity.h"
#include "loadgen/report.h"
#include "loadgen/report_charts.h"
#include "loadgen/report_values.h"
#include "xmpp/escape.h"

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

std::string tile(const std::string& value, const std::string& name, bool bad = false) {
  return "<div class='tile" + std::string(bad ? " bad" : "") + "'><b>" + xmpp::escape_text(value) +
         "</b><span>" + xmpp::escape_text(name) + "</span></div>";
}

std::string audit_section(const json::object& report) {
  const auto& audit = object(report, "audit");
  std::string html = "<h2>Audit</h2><div class='tiles'>";
  html += tile(whole(number(audit, "sent")), "sent");
  html += tile(whole(number(audit, "delivered")), "delivered");
  for (const char* name : {"lost", "duplicated", "reordered", "altered", "misdelivered", "invented",
                           "unarchived", "archived_twice", "archived_late"}) {
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
    html += "<tr><td>" + xmpp::escape_text(text(one, "fate")) + "</td>";
    for (const char* name : {"id", "from", "to", "node"}) {
      html += "<td>" + xmpp::escape_text(text(one, name)) + "</td>";
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
    html += "<tr><td>" + xmpp::escape_text(wanted) + "</td><td>" +
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
      "<th>max</th><th>logins</th><th>resumed</th><th>lost streams</th><th>offline max</th>"
      "<th>CPU a message</th></tr>";
  std::array<char, 32> took{};
  for (const auto& value : array(report, "phases")) {
    const auto& phase = value.get_object();
    std::snprintf(took.data(), took.size(), "%.1f",
                  number(phase, "ended_s") - number(phase, "began_s"));
    const auto& offline = object(object(phase, "latency"), "offline");
    const double cost = number(object(phase, "figures"), "server_cpu_us_per_message");
    html += "<tr><td>" + xmpp::escape_text(text(phase, "name")) + "</td><td>" + took.data() +
            "</td><td>" + whole(number(phase, "sessions")) + "</td><td>" +
            whole(number(phase, "received")) + "</td>" + latency_cells(phase, "delivery") + "<td>" +
            whole(number(phase, "logins")) + "</td><td>" + whole(number(phase, "resumed")) +
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
    html += "<tr><td>" + xmpp::escape_text(text(action, "kind") + " " + text(action, "node")) +
            "</td><td>" + xmpp::escape_text(text(action, "phase")) + "</td><td>" +
            short_time(number(action, "began_s")) + "</td><td>" +
            short_time(number(action, "ended_s") - number(action, "began_s")) + "</td><td>" +
            whole(number(action, "sessions_moved")) + "</td><td>" +
            xmpp::escape_text(text(action, "outcome")) + "</td></tr>";
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
      html += "<tr><td>" + xmpp::escape_text(reason) + "</td><td>" +
              whole(count.is_number() ? count.to_number<double>() : 0) + "</td></tr>";
    }
    html += "</table></div>";
  }
  html += "<h2>Events</h2><div class='card'><table>";
  for (const auto& value : array(report, "events")) {
    const auto& event = value.get_object();
    html += "<tr><td style='width:90px'>" +
            clock_text(Micros(static_cast<std::int64_t>(number(event, "t") * 1e6))) +
            "</td><td style='text-align:left;white-space:normal'>" +
            xmpp::escape_text(text(event, "text")) + "</td></tr>";
  }
  html += "</table></div><h2>How it was run</h2><div class='card'>";
  html += "<p><code>" + xmpp::escape_text(text(run, "command")) + "</code></p><p class='soft'>" +
          xmpp::escape_text(text(object(run, "machine"), "cpu")) + ", " +
          whole(number(object(run, "machine"), "cores")) + " cores · commit " +
          xmpp::escape_text(text(run, "commit").empty() ? "not given" : text(run, "commit")) +
          " · seed " + whole(number(run, "seed")) + " · " + xmpp::escape_text(text(run, "model")) +
          " model · TLS " + xmpp::escape_text(text(run, "tls")) + " · scenario " +
          xmpp::escape_text(text(run, "scenario_hash")) + "</p>";
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
      xmpp::escape_text(text(run, "scenario")) + ": " + xmpp::escape_text(verdict) +
      "</title><style>" + style + "</style><body><h1>" + xmpp::escape_text(text(run, "scenario")) +
      "</h1><div class='soft'>" + xmpp::escape_text(text(run, "about")) + "</div>";
  html += "<div class='verdict' style='--tone:" + std::string(tone) + "'><b>" +
          xmpp::escape_text(verdict) + "</b><span>" + xmpp::escape_text(verdict_sentence(report)) +
          "</span></div><div class='tiles'>";
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
  html += threshold_section(report) + audit_section(report) + charts_html(report);
  Histogram all = histogram_from_json(array(report, "delivery_histogram_us"));
  if (all.count() > 0) html += percentile_chart(all);
  html += phase_section(report) + detail_section(report);
  return html + "</body></html>\n";
}

}  // namespace loadgen
