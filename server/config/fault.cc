#include "server/config/fault.h"

namespace server {
namespace {

std::string place(const ConfigFault& fault) {
  if (!fault.flag.empty()) return fault.flag + ": ";
  if (fault.file.empty()) return "";
  if (fault.line == 0) return fault.file + ": ";
  return fault.file + ":" + std::to_string(fault.line) + ":" + std::to_string(fault.column) + ": ";
}

/// The line and, under it, what is meant. Tabs are kept in both, so that they line up.
std::string underlined(const ConfigFault& fault) {
  const std::string number = std::to_string(fault.line);
  std::string marks;
  std::uint32_t column = 1;
  for (const char byte : fault.excerpt) {
    if ((byte & 0xC0) == 0x80) continue;  // Inside a UTF-8 character.
    if (column++ == fault.column) break;
    marks += byte == '\t' ? '\t' : ' ';
  }
  marks += std::string(fault.width, '^');
  return "  " + number + " | " + fault.excerpt + "\n  " + std::string(number.size(), ' ') + " | " +
         marks + "\n";
}

}  // namespace

std::string render(const ConfigFaults& faults) {
  std::string text;
  for (const ConfigFault& fault : faults) {
    text += place(fault) + "error: " + fault.message + "\n";
    if (!fault.excerpt.empty()) text += underlined(fault);
    if (!fault.fix.empty()) text += "  fix: " + fault.fix + "\n";
  }
  text += std::to_string(faults.size()) + (faults.size() == 1 ? " error" : " errors");
  return text + ", nothing started\n";
}

}  // namespace server
