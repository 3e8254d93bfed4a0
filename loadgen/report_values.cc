#include "loadgen/report_values.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdio>

#include "loadgen/quantity.h"

namespace loadgen {

namespace json = boost::json;

double number(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  if (value == nullptr || !value->is_number()) return 0;
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

}  // namespace loadgen
