// The report that a terminal shows: a sentence, and lines of figures.

#include <array>
#include <cstdio>

#include "loadgen/quantity.h"
#include "loadgen/report.h"
#include "loadgen/report_values.h"

namespace loadgen {

namespace json = boost::json;

std::string verdict_sentence(const json::object& report) {
  const auto& audit = object(report, "audit");
  const auto verdict = text(report, "verdict");
  std::string sentence;
  double wrong = 0;
  for (const char* name : {"lost", "duplicated", "reordered", "altered", "misdelivered", "invented",
                           "unarchived", "archived_twice", "archived_late"}) {
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
    if (const double read = number(object(report, "figures"), "archives_read"); read > 0) {
      sentence += "; " + whole(read) + " archives were compared with what was sent";
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
  for (const char* name :
       {"lost", "duplicated", "reordered", "altered", "misdelivered", "invented", "unarchived",
        "archived_twice", "archived_late", "bounced", "redelivered", "unknown"}) {
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
