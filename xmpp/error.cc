#include "xmpp/error.h"

#include <string>

namespace xmpp {
namespace {

class Category final : public boost::system::error_category {
 public:
  const char* name() const noexcept override { return "xmpp"; }

  std::string message(int code) const override {
    switch (static_cast<Errc>(code)) {
      case Errc::bad_utf8:
        return "text is not UTF-8";
      case Errc::bad_char:
        return "text has a character that XML does not allow";
      case Errc::jid_malformed:
        return "malformed JID";
      case Errc::jid_part_too_long:
        return "a part of the JID is longer than 1023 bytes";
      case Errc::xml_malformed:
        return "malformed XML";
      case Errc::xml_too_big:
        return "XML element over the limits";
      case Errc::password_malformed:
        return "password is empty, too long or has forbidden characters";
      case Errc::bad_base64:
        return "malformed base64";
      case Errc::unsupported:
        return "not supported";
    }
    return "unknown error";
  }
};

}  // namespace

const boost::system::error_category& error_category() noexcept {
  static const Category category;
  return category;
}

}  // namespace xmpp
