#include "server/metrics/reference.h"

#include "server/metrics/definitions.h"

namespace server {
namespace {

std::string_view type_name(metric::Type type) {
  switch (type) {
    case metric::Type::gauge:
      return "gauge";
    case metric::Type::counter:
      return "counter";
    case metric::Type::histogram:
      return "histogram";
  }
  return {};
}

}  // namespace

std::string metrics_reference() {
  std::string page =
      "# Metrics\n\n"
      "`GET /metrics` on the health listener answers in the Prometheus text format 0.0.4. Units "
      "are\n"
      "seconds, bytes and ratios from 0 to 1; counters end in `_total`. No label holds a JID, an\n"
      "address or a token. Names are an interface: a renamed metric keeps both names for one\n"
      "release. Counts of one node since its start; sum over nodes for the cluster.\n\n"
      "This page is made from `server/metrics/definitions.h`, and a test holds it to that. A "
      "value\n"
      "of a label that has never been counted is left out, and so are the `meerkat_mysql_*` of a "
      "node\n"
      "without `[mysql]`.\n\n"
      "| name | type | labels | meaning |\n| --- | --- | --- | --- |\n";
  for (const metric::Definition* definition : metric::all()) {
    std::string labels;
    for (const std::string_view label : definition->labels) {
      if (!label.empty()) labels += (labels.empty() ? "`" : ", `") + std::string(label) + "`";
    }
    page += "| `" + std::string(definition->name) + "` | " +
            std::string(type_name(definition->type)) + " | " + labels + " | " +
            std::string(definition->help) + " |\n";
  }
  return page;
}

}  // namespace server
