#pragma once

/// What those documents of an account (DocumentStore) are called that more than one part knows.
namespace server::document_names {

inline constexpr const char* roster = "roster";
inline constexpr const char* vcard = "vcard";
inline constexpr const char* private_xml = "private";
inline constexpr const char* pep_prefix = "pep:";  ///< In front of a node's name.

}  // namespace server::document_names
