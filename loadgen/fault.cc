#include "loadgen/fault.h"

#include <stdexcept>

namespace loadgen {

void throw_exception_from_error(const Fault& fault, const boost::source_location&) {
  throw std::logic_error("a fault was read as a value: " + fault.text);
}

}  // namespace loadgen
