// A doubly linked list whose links live in its elements: no allocation, and an element removes itself in constant time.
// An element is in at most one list per hook. The list does not own its elements.
#pragma once

#include <cstddef>

#include "engine/base/check.h"

namespace base {

class ListHook {
 public:
  ListHook() = default;
  ListHook(const ListHook&) = delete;
  ListHook& operator=(const ListHook&) = delete;
  ~ListHook() { CHECK(!IsLinked()); }
  bool IsLinked() const { return next_ != nullptr; }

 private:
  template <typename T, ListHook T::*Hook>
  friend class IntrusiveList;
  ListHook* next_ = nullptr;
  ListHook* previous_ = nullptr;
};

template <typename T, ListHook T::*Hook>
class IntrusiveList {
 public:
  IntrusiveList() { head_.next_ = head_.previous_ = &head_; }
  IntrusiveList(const IntrusiveList&) = delete;
  IntrusiveList& operator=(const IntrusiveList&) = delete;
  ~IntrusiveList() {
    CHECK(empty());
    head_.next_ = nullptr;
  }

  bool empty() const { return head_.next_ == &head_; }
  std::size_t size() const { return size_; }
  void PushBack(T& element) { Insert(element, head_.previous_); }
  void PushFront(T& element) { Insert(element, &head_); }
  T& front() const {  // Requires: not empty.
    CHECK(!empty());
    return *Owner(head_.next_);
  }
  T& back() const {  // Requires: not empty.
    CHECK(!empty());
    return *Owner(head_.previous_);
  }
  T& PopFront() {  // Requires: not empty.
    T& element = front();
    Remove(element);
    return element;
  }
  // Requires: `element` is in this list.
  void Remove(T& element) {
    ListHook& hook = element.*Hook;
    CHECK(hook.IsLinked());
    hook.previous_->next_ = hook.next_;
    hook.next_->previous_ = hook.previous_;
    hook.next_ = hook.previous_ = nullptr;
    --size_;
  }
  // Null at the end. Requires: `element` is in this list.
  T* Next(const T& element) const {
    ListHook* next = (element.*Hook).next_;
    return next == &head_ ? nullptr : Owner(next);
  }

 private:
  void Insert(T& element, ListHook* after) {
    ListHook& hook = element.*Hook;
    CHECK(!hook.IsLinked());
    hook.previous_ = after;
    hook.next_ = after->next_;
    after->next_->previous_ = &hook;
    after->next_ = &hook;
    ++size_;
  }
  static T* Owner(ListHook* hook) {
    // The offset of the hook inside T; the usual container_of, as T need not be standard layout.
    alignas(T) static char storage[sizeof(T)];
    T* fake = reinterpret_cast<T*>(storage);
    const std::ptrdiff_t offset = reinterpret_cast<char*>(&(fake->*Hook)) - storage;
    return reinterpret_cast<T*>(reinterpret_cast<char*>(hook) - offset);
  }

  ListHook head_;
  std::size_t size_ = 0;
};

}  // namespace base
