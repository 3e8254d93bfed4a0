#include "loadgen/recording.h"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

namespace loadgen {
namespace {

namespace json = boost::json;

}  // namespace

Result<void> Recording::open(const std::string& path) {
  file_.open(path);
  if (!file_) return Fault{"cannot write " + path};
  return {};
}

void Recording::add(json::object line) {
  if (file_.is_open()) file_ << json::serialize(line) << std::endl;
  lines_.push_back(std::move(line));
}

Result<Recording> Recording::load(const std::string& path) {
  std::ifstream file(path);
  if (!file) return Fault{"cannot read " + path + "; name a folder that `run` wrote"};
  Recording recording;
  std::string line;
  while (std::getline(file, line)) {
    boost::system::error_code error;
    auto value = json::parse(line, error);
    // A line cut short is what a killed run leaves last; what came before it is good.
    if (error || !value.is_object() || !value.get_object().contains("kind")) break;
    recording.lines_.push_back(std::move(value.get_object()));
  }
  if (recording.lines_.empty()) return Fault{path + " holds no recording"};
  return recording;
}

json::array to_json(const Histogram& histogram) {
  json::array buckets;
  for (const auto& [value, count] : histogram.buckets()) {
    buckets.push_back(json::array{value, count});
  }
  return buckets;
}

Histogram histogram_from_json(const json::array& buckets) {
  Histogram histogram;
  for (const auto& bucket : buckets) {
    if (!bucket.is_array() || bucket.get_array().size() != 2) continue;
    histogram.restore(Micros(bucket.get_array()[0].to_number<std::int64_t>()),
                      bucket.get_array()[1].to_number<std::uint64_t>());
  }
  return histogram;
}

json::object percentiles(const Histogram& histogram) {
  return {{"count", histogram.count()},
          {"p50_s", in_seconds(histogram.quantile(0.5))},
          {"p90_s", in_seconds(histogram.quantile(0.9))},
          {"p99_s", in_seconds(histogram.quantile(0.99))},
          {"p999_s", in_seconds(histogram.quantile(0.999))},
          {"max_s", in_seconds(histogram.max())},
          {"mean_s", in_seconds(histogram.mean())}};
}

}  // namespace loadgen
