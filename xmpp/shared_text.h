#pragma once

#include <atomic>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <string_view>
#include <utility>

namespace xmpp {

class SharedText;

template <class Text>
concept TextLike =
    !std::same_as<Text, SharedText> && std::convertible_to<const Text&, std::string_view>;

/// Bytes that do not change and that many may hold: one allocation, however many copies; a copy is
/// one pointer. What is sent to many is such a text, and so is a Jid.
///
/// Threads: a value; copies of one text may be used and dropped by different threads.
class SharedText {
 public:
  SharedText() = default;

  /// Copies `text`, of less than 4 GiB. An empty text allocates nothing.
  template <TextLike Text>
  SharedText(const Text& text) {  // NOLINT(google-explicit-constructor): it is a text.
    const std::string_view bytes = text;
    if (bytes.empty()) return;
    held_ = new (::operator new(sizeof(Held) + bytes.size())) Held;
    held_->size = static_cast<std::uint32_t>(bytes.size());
    std::memcpy(static_cast<void*>(held_ + 1), bytes.data(), bytes.size());
  }

  SharedText(const SharedText& other) noexcept : held_(other.held_) {
    if (held_ != nullptr) held_->holders.fetch_add(1, std::memory_order_relaxed);
  }
  SharedText(SharedText&& other) noexcept : held_(std::exchange(other.held_, nullptr)) {}
  SharedText& operator=(SharedText other) noexcept {
    std::swap(held_, other.held_);
    return *this;
  }
  ~SharedText() {
    // The last holder must see all that the others did before it frees the bytes.
    if (held_ != nullptr && held_->holders.fetch_sub(1, std::memory_order_acq_rel) == 1) {
      held_->~Held();
      ::operator delete(held_);
    }
  }

  std::string_view view() const noexcept {
    return held_ == nullptr ? std::string_view()
                            : std::string_view(reinterpret_cast<const char*>(held_ + 1), size());
  }
  operator std::string_view() const noexcept {  // NOLINT(google-explicit-constructor): as above.
    return view();
  }
  const char* data() const noexcept { return view().data(); }
  std::size_t size() const noexcept { return held_ == nullptr ? 0 : held_->size; }
  bool empty() const noexcept { return held_ == nullptr; }

  friend bool operator==(const SharedText& a, const SharedText& b) noexcept {
    return a.held_ == b.held_ || a.view() == b.view();
  }
  template <TextLike Text>
  friend bool operator==(const SharedText& a, const Text& b) noexcept {
    return a.view() == std::string_view(b);
  }

 private:
  struct Held {  // Before the bytes.
    std::atomic<std::uint32_t> holders = 1;
    std::uint32_t size = 0;
  };

  Held* held_ = nullptr;
};

}  // namespace xmpp
