#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <string>
#include <string_view>

namespace loadgen {

// Reading a report.json: what is absent, or of another type, reads as nothing, since a report of
// another version may lack what this one has.

double number(const boost::json::object& object, std::string_view name);
std::string text(const boost::json::object& object, std::string_view name);
const boost::json::array& array(const boost::json::object& object, std::string_view name);
const boost::json::object& object(const boost::json::object& parent, std::string_view name);

// For people.

/// A figure's value with the unit that its name ends in: "2.6 ms", "1,200/s", "18,000 B".
std::string figure_text(std::string_view name, double value);
/// A figure's name in words: "joined_s@roll" is "joined in roll".
std::string readable(std::string_view name);

}  // namespace loadgen
