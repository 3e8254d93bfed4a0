#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <fstream>
#include <string>
#include <vector>

#include "loadgen/fault.h"
#include "loadgen/histogram.h"

namespace loadgen {

/// What a run was, line by line: JSON objects, each with a `kind`. All reports are made of this
/// and of nothing else, so a run recorded once can be rendered often.
///
/// Kinds: run (first), sample (each second), event, action, phase, end (last).
class Recording {
 public:
  /// Writes each line to `path` as it comes, so that a crash leaves what there was.
  Result<void> open(const std::string& path);
  void add(boost::json::object line);
  [[nodiscard]] const std::vector<boost::json::object>& lines() const { return lines_; }

  static Result<Recording> load(const std::string& path);

 private:
  std::ofstream file_;
  std::vector<boost::json::object> lines_;
};

/// A histogram as [[value_us, count], …].
boost::json::array to_json(const Histogram& histogram);
Histogram histogram_from_json(const boost::json::array& buckets);

/// {"count":…,"p50_s":…,"p90_s":…,"p99_s":…,"p999_s":…,"max_s":…,"mean_s":…}
boost::json::object percentiles(const Histogram& histogram);

}  // namespace loadgen
