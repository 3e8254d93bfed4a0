#pragma once

#include <cassert>
#include <cstddef>
#include <iterator>
#include <utility>
#include <vector>

namespace loadgen {

/// A queue that costs 32 bytes while it is empty: there are two for each of many thousand clients,
/// and an empty std::deque holds more than half a kilobyte.
template <class T>
class Fifo {
 public:
  [[nodiscard]] bool empty() const { return head_ == items_.size(); }
  [[nodiscard]] std::size_t size() const { return items_.size() - head_; }
  [[nodiscard]] const T& front() const {
    assert(!empty());
    return items_[head_];
  }
  void push_back(T item) { items_.push_back(std::move(item)); }
  void pop_front() {
    assert(!empty());
    ++head_;
    if (head_ == items_.size()) {
      clear();
    } else if (head_ >= 64 && head_ * 2 >= items_.size()) {
      items_.erase(items_.begin(), items_.begin() + static_cast<std::ptrdiff_t>(head_));
      head_ = 0;
    }
  }
  /// Puts `items` before all that waits here, in their order.
  void push_front(std::vector<T> items) {
    items.insert(items.end(), std::make_move_iterator(begin()), std::make_move_iterator(end()));
    items_ = std::move(items);
    head_ = 0;
  }
  void clear() {
    head_ = 0;
    // The memory of a burst goes back; a handful stays for the next message.
    if (items_.capacity() > 32) {
      std::vector<T>().swap(items_);
    } else {
      items_.clear();
    }
  }
  [[nodiscard]] auto begin() const { return items_.begin() + static_cast<std::ptrdiff_t>(head_); }
  [[nodiscard]] auto end() const { return items_.end(); }
  [[nodiscard]] auto begin() { return items_.begin() + static_cast<std::ptrdiff_t>(head_); }
  [[nodiscard]] auto end() { return items_.end(); }

 private:
  std::vector<T> items_;
  std::size_t head_ = 0;
};

}  // namespace loadgen
