#pragma once

#include <boost/json/object.hpp>
#include <string>
#include <vector>

namespace server::ctl {

/// `12,345`
std::string grouped(std::uint64_t number);

/// `29s`, `4m`, `3h20m`, `2d3h`: at most two units.
std::string age(double seconds);

/// `0.6 ms`, `12 ms`, `1.2 s`.
std::string latency(double seconds);

/// Whether a node of a status is joined with all its peers and answers.
bool is_node_healthy(const boost::json::object& node);

/// Whether all are.
bool is_healthy(const boost::json::object& status);

/// `cluster default: healthy, 3 nodes joined, 30,000 sessions, n2 is draining`
std::string summary(const boost::json::object& status);

/// A line for each node, under its headings.
std::string node_table(const boost::json::object& status);

/// The lines of a drain that are over, or in hand: `2 handoff   500/s  5,980 of 10,000 …`.
std::string drain_line(const boost::json::object& drain);

/// Columns two spaces apart; those named in `right` are aligned to the right. Widths count
/// characters, not bytes. No spaces at line ends.
std::string table(const std::vector<std::vector<std::string>>& rows, const std::vector<bool>& right,
                  const std::vector<std::size_t>& width_min);

}  // namespace server::ctl
