#include "xmpp/xml_document.h"

#include <memory>
#include <utility>
#include <vector>

namespace xmpp {

// Bounds what a thread keeps: a document holds about three times the bytes it once parsed.
constexpr std::size_t kept_documents_max = 32;
constexpr std::size_t kept_bytes_max = 8192;

struct Stanza::Pool {
  std::vector<std::unique_ptr<Document>> documents;

  static Pool& of_thread() {
    static thread_local Pool pool;
    return pool;
  }
};

Stanza::DocumentPtr Stanza::Document::make() {
  auto& documents = Pool::of_thread().documents;
  if (documents.empty()) {
    return DocumentPtr(new Document);
  }
  DocumentPtr document(documents.back().release());
  documents.pop_back();
  return document;
}

void Stanza::Recycle::operator()(Document* document) const noexcept {
  std::unique_ptr<Document> owned(document);
  auto& documents = Pool::of_thread().documents;
  if (owned->parsed_bytes <= kept_bytes_max && documents.size() < kept_documents_max) {
    owned->xml.Clear();
    owned->parsed_bytes = 0;
    documents.push_back(std::move(owned));
  }
}

}  // namespace xmpp
