#include "loadgen/chart.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <functional>

#include "xmpp/escape.h"

namespace loadgen {
namespace {

constexpr double width = 1060;
constexpr double height = 190;
constexpr double left = 54;
constexpr double right = 12;
constexpr double top = 16;
constexpr double bottom = 24;
// Told apart in light and dark, and by those who see red and green alike.
constexpr std::array<const char*, 8> colours = {"#4c78a8", "#9a7bd0", "#2a9d78", "#e09f3e",
                                                "#d1495b", "#5fa8d3", "#8d6e63", "#7a8b2f"};

std::string print(const char* format, double a, double b = 0, double c = 0, double d = 0) {
  std::array<char, 256> text{};
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat-extra-args"
  std::snprintf(text.data(), text.size(), format, a, b, c, d);
#pragma GCC diagnostic pop
  return text.data();
}

std::string label_of(double value) {
  if (value >= 1e6) return print("%gM", value / 1e6);
  if (value >= 1e4) return print("%gk", value / 1e3);
  return print("%g", value);
}

/// 1, 2 or 5 times a power of ten, so that at most `parts` of it cover `span`.
double round_step(double span, int parts) {
  const double raw = std::max(span, 1e-9) / parts;
  const double power = std::pow(10, std::floor(std::log10(raw)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= raw) return factor * power;
  }
  return 10 * power;
}

/// Keeps at most about `most` points: of each group the highest, since peaks are what matter.
std::vector<std::pair<double, double>> thin(const std::vector<std::pair<double, double>>& points,
                                            std::size_t most) {
  if (points.size() <= most) return points;
  const auto group = points.size() / most + 1;
  std::vector<std::pair<double, double>> kept;
  for (std::size_t i = 0; i < points.size(); i += group) {
    const auto end =
        points.begin() + static_cast<std::ptrdiff_t>(std::min(i + group, points.size()));
    kept.push_back(
        *std::max_element(points.begin() + static_cast<std::ptrdiff_t>(i), end,
                          [](const auto& a, const auto& b) { return a.second < b.second; }));
  }
  return kept;
}

std::string grid_line(double y, const std::string& label) {
  return print("<line x1='%.0f' x2='%.0f' y1='%.1f' y2='%.1f' stroke='var(--line)'/>", left,
               width - right, y, y) +
         print("<text x='%.0f' y='%.1f' text-anchor='end'>", left - 6, y + 4) + label + "</text>";
}

}  // namespace

std::string chart(const std::string& title, const std::string& unit, const TimeAxis& axis,
                  bool logarithmic, const std::vector<Line>& lines) {
  double high = 0;
  double low = 1e300;
  for (const Line& line : lines) {
    for (const auto& [at, value] : line.points) {
      high = std::max(high, value);
      if (value > 0) low = std::min(low, value);
    }
  }
  if (high <= 0 || axis.end <= 0) return "";
  const auto x = [&](double seconds) {
    return left + std::clamp(seconds / axis.end, 0.0, 1.0) * (width - left - right);
  };
  double floor_value = 0;
  double ceiling = high;
  const double step = round_step(high, 4);
  if (logarithmic) {
    floor_value = std::pow(10, std::floor(std::log10(low)));
    ceiling = std::pow(10, std::ceil(std::log10(high) + 1e-9));
  } else {
    ceiling = step * std::ceil(high / step - 1e-9);
  }
  const auto y = [&](double value) {
    const double ratio =
        logarithmic ? (std::log10(std::max(value, floor_value)) - std::log10(floor_value)) /
                          std::max(1e-9, std::log10(ceiling) - std::log10(floor_value))
                    : value / ceiling;
    return top + (1 - ratio) * (height - top - bottom);
  };
  std::string svg = print("<svg viewBox='0 0 %.0f %.0f' role='img'>", width, height);
  for (const Band& band : axis.bands) {
    const double from = x(band.began);
    svg += print("<rect x='%.1f' y='%.1f' width='%.1f' height='%.1f' fill='var(--band)'>", from,
                 top, std::max(1.5, x(band.ended) - from), height - top - bottom) +
           "<title>" + xmpp::escape_text(band.label) + "</title></rect>" +
           print("<text x='%.1f' y='%.1f'>", from + 3, top + 10) + xmpp::escape_text(band.label) +
           "</text>";
  }
  if (logarithmic) {
    for (double value = floor_value; value <= ceiling * 1.001; value *= 10) {
      svg += grid_line(y(value), label_of(value));
    }
  } else {
    for (double value = 0; value <= ceiling * 1.001; value += step) {
      svg += grid_line(y(value), label_of(value));
    }
  }
  for (const Mark& mark : axis.marks) {
    svg += print(
               "<line x1='%.1f' x2='%.1f' y1='%.0f' y2='%.0f' stroke='var(--soft)' "
               "stroke-dasharray='2 3' opacity='.6'/>",
               x(mark.at), x(mark.at), top, height - bottom) +
           print("<text x='%.1f' y='%.1f'>", x(mark.at) + 3, top - 5) +
           xmpp::escape_text(mark.label) + "</text>";
  }
  const double second_step = round_step(axis.end, 10);
  for (double at = 0; at <= axis.end; at += second_step) {
    svg += print("<text x='%.1f' y='%.1f' text-anchor='middle'>", x(at), height - 8) +
           label_of(at) + " s</text>";
  }
  std::string legend =
      "<div class='legend'><b>" + xmpp::escape_text(title) + "</b>" + xmpp::escape_text(unit);
  for (const Line& line : lines) {
    if (line.points.empty()) continue;
    const std::string colour = colours[line.colour % colours.size()];
    legend += "<span><span class='key' style='background:" + colour + "'></span>" +
              xmpp::escape_text(line.label) + "</span>";
    std::string path;
    double last = -1e9;
    for (const auto& [at, value] : thin(line.points, 900)) {
      if (logarithmic && value <= 0) continue;
      // A gap in the samples (a node that was away) is a gap in the line.
      path += at - last > 3.5 ? "M" : "L";
      path += print("%.1f %.1f", x(at), y(value));
      last = at;
    }
    svg += "<path d='" + path + "' fill='none' stroke='" + colour +
           "' stroke-width='1.8' stroke-linejoin='round' stroke-linecap='round'/>";
  }
  return "<div class='card'>" + legend + "</div>" + svg + "</svg></div>";
}

std::string percentile_chart(const Histogram& histogram) {
  constexpr std::array<double, 7> shown = {0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999, 0.999999};
  // As many nines as there are samples to tell them by.
  std::size_t count = 2;
  while (count < shown.size() && (1 - shown[count]) * static_cast<double>(histogram.count()) >= 1) {
    ++count;
  }
  const double stretch_end = -std::log10(1 - shown[count - 1]);
  const double stretch_start = -std::log10(0.5);
  const double most =
      std::max(1.0, static_cast<double>(histogram.quantile(shown[count - 1]).count()));
  const double least = std::max(1.0, static_cast<double>(histogram.quantile(0.5).count()) / 2);
  const double decades = std::max(0.3, std::log10(most) - std::log10(least));
  const auto x = [&](double ratio) {
    return left + (-std::log10(1 - ratio) - stretch_start) / (stretch_end - stretch_start) *
                      (width - left - right - 40);
  };
  const auto y = [&](double micros) {
    return top + (1 - (std::log10(std::max(micros, least)) - std::log10(least)) / decades) *
                     (height - top - bottom);
  };
  std::string svg = print("<svg viewBox='0 0 %.0f %.0f' role='img'>", width, height);
  for (double value = std::pow(10, std::ceil(std::log10(least))); value <= most; value *= 10) {
    svg += grid_line(y(value), short_time(value / 1e6));
  }
  std::string path;
  for (int i = 0; i <= 240; ++i) {
    const double stretched = stretch_start + (stretch_end - stretch_start) * i / 240;
    const double ratio = 1 - std::pow(10, -stretched);
    path += i == 0 ? "M" : "L";
    path += print("%.1f %.1f", x(ratio), y(static_cast<double>(histogram.quantile(ratio).count())));
  }
  for (std::size_t i = 0; i < count; ++i) {
    svg += print("<text x='%.1f' y='%.1f' text-anchor='middle'>", x(shown[i]), height - 8) +
           print("%.6g %%", shown[i] * 100) + "</text>";
  }
  return "<div class='card'><div class='legend'><b>Delivery latency by percentile</b>from the due "
         "time, logarithmic</div>" +
         svg + "<path d='" + path + "' fill='none' stroke='" + colours[0] +
         "' stroke-width='1.8'/></svg></div>";
}

}  // namespace loadgen
