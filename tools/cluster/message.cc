#include "tools/cluster/message.h"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <utility>

namespace cluster {

namespace json = boost::json;

namespace {

std::string text_or_empty(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : "";
}

}  // namespace

Reply reply_of(const Fault& fault) {
  Reply reply;
  reply.exit_code = 1;
  reply.error = "cluster: " + fault.text + "\n";
  if (!fault.log.empty()) reply.error += "the last lines of its log:\n" + fault.log;
  if (!fault.fix.empty()) reply.error += "try: " + fault.fix + "\n";
  reply.result = {{"error", fault.text}, {"fix", fault.fix}, {"log", fault.log}};
  return reply;
}

std::string progress_line(std::string_view text) {
  return json::serialize(json::object{{"progress", text}}) + "\n";
}

std::string reply_line(const Reply& reply) {
  return json::serialize(json::object{{"exit_code", reply.exit_code},
                                      {"text", reply.text},
                                      {"error", reply.error},
                                      {"result", reply.result}}) +
         "\n";
}

Result<Message> parse_message(std::string_view line) {
  boost::system::error_code error;
  const json::value value = json::parse(line, error);
  if (error || !value.is_object()) {
    return Fault{"the supervisor sent something else than JSON", ""};
  }
  const json::object& object = value.get_object();
  Message message;
  message.progress = text_or_empty(object, "progress");
  const json::value* exit_code = object.if_contains("exit_code");
  if (exit_code == nullptr || !exit_code->is_int64()) return message;
  message.last = true;
  message.reply.exit_code = static_cast<int>(exit_code->get_int64());
  message.reply.text = text_or_empty(object, "text");
  message.reply.error = text_or_empty(object, "error");
  const json::value* result = object.if_contains("result");
  if (result != nullptr && result->is_object()) message.reply.result = result->get_object();
  return message;
}

}  // namespace cluster
