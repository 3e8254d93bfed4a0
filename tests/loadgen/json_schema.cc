#include "tests/loadgen/json_schema.h"

#include <boost/json/serialize.hpp>
#include <set>

namespace loadgen {
namespace {

namespace json = boost::json;

class Validator {
 public:
  explicit Validator(const json::value& root) : root_(root) {}

  void check(const json::value& value, const json::object& schema, const std::string& place) {
    static const std::set<std::string> known = {
        "$schema", "$defs", "title",    "type",       "const",
        "enum",    "items", "required", "properties", "additionalProperties",
        "$ref"};
    for (const auto& [keyword, rule] : schema) {
      if (!known.contains(std::string(keyword)))
        fault(place, "unknown keyword " + std::string(keyword));
    }
    if (const auto* reference = schema.if_contains("$ref")) {
      const std::string name(reference->get_string());
      return check(value, root_.at("$defs").at(name.substr(8)).get_object(), place);
    }
    if (const auto* type = schema.if_contains("type")) check_type(value, *type, place);
    if (const auto* only = schema.if_contains("const"); only != nullptr && value != *only) {
      fault(place, "is not " + json::serialize(*only));
    }
    if (const auto* choices = schema.if_contains("enum")) {
      bool found = false;
      for (const auto& choice : choices->get_array()) found = found || choice == value;
      if (!found) fault(place, json::serialize(value) + " is none of the choices");
    }
    if (value.is_array() && schema.contains("items")) {
      std::size_t index = 0;
      for (const auto& item : value.get_array()) {
        check(item, schema.at("items").get_object(), place + "[" + std::to_string(index++) + "]");
      }
    }
    if (value.is_object()) check_members(value.get_object(), schema, place);
  }

  std::vector<std::string> faults;

 private:
  void fault(const std::string& place, const std::string& what) {
    faults.push_back(place + ": " + what);
  }

  static bool is_of(const json::value& value, std::string_view type) {
    if (type == "object") return value.is_object();
    if (type == "array") return value.is_array();
    if (type == "string") return value.is_string();
    if (type == "boolean") return value.is_bool();
    if (type == "null") return value.is_null();
    if (type == "number") return value.is_number();
    if (type == "integer") return value.is_int64() || value.is_uint64();
    return false;
  }

  void check_type(const json::value& value, const json::value& type, const std::string& place) {
    bool fits = false;
    if (type.is_string()) {
      fits = is_of(value, type.get_string());
    } else {
      for (const auto& one : type.get_array()) fits = fits || is_of(value, one.get_string());
    }
    if (!fits) fault(place, "is no " + json::serialize(type));
  }

  void check_members(const json::object& value, const json::object& schema,
                     const std::string& place) {
    if (const auto* required = schema.if_contains("required")) {
      for (const auto& name : required->get_array()) {
        if (!value.contains(name.get_string())) {
          fault(place, "lacks " + std::string(name.get_string()));
        }
      }
    }
    const auto* properties = schema.if_contains("properties");
    const auto* others = schema.if_contains("additionalProperties");
    for (const auto& [name, member] : value) {
      const std::string inside = place + "." + std::string(name);
      if (properties != nullptr && properties->get_object().contains(name)) {
        check(member, properties->at(name).get_object(), inside);
      } else if (others != nullptr && others->is_bool()) {
        if (!others->get_bool()) fault(inside, "is not foreseen");
      } else if (others != nullptr) {
        check(member, others->get_object(), inside);
      }
    }
  }

  const json::value& root_;
};

}  // namespace

std::vector<std::string> schema_faults(const json::value& value, const json::value& schema) {
  Validator validator(schema);
  validator.check(value, schema.get_object(), "report");
  return validator.faults;
}

}  // namespace loadgen
