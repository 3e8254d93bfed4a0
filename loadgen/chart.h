#pragma once

#include <string>
#include <utility>
#include <vector>

#include "loadgen/histogram.h"

namespace loadgen {

/// A shaded stretch of time: an action.
struct Band {
  double began = 0;
  double ended = 0;
  std::string label;
};

/// A thin upright line: where a phase begins.
struct Mark {
  double at = 0;
  std::string label;
};

/// What all charts of a report share, so that they can be read one above the other.
struct TimeAxis {
  double end = 0;  // Seconds.
  std::vector<Band> bands;
  std::vector<Mark> marks;
};

struct Line {
  std::string label;
  std::size_t colour = 0;
  std::vector<std::pair<double, double>> points;  // Seconds, value.
};

/// A card with an inline SVG. Lines without points are left out; no line, no card. `logarithmic`
/// leaves values of zero out.
std::string chart(const std::string& title, const std::string& unit, const TimeAxis& axis,
                  bool logarithmic, const std::vector<Line>& lines);

/// Latency over percentiles (50 to 99.999, stretched towards the top).
std::string percentile_chart(const Histogram& histogram);

}  // namespace loadgen
