#include "engine/delivery/window.h"

#include <algorithm>

#include "engine/base/check.h"

namespace delivery {

Window::Window(std::uint32_t limit) : limit_(limit), size_(Initial(limit)) { CHECK(limit >= 1); }

void Window::OnSuccess() { size_ = std::min<double>(limit_, size_ + 1.0 / size_); }

void Window::OnTrouble(bool fresh) {
  if (fresh) size_ = std::max(1.0, size_ / 2);
}

void Window::ShrinkTo(std::uint32_t connections) { size_ = std::clamp<double>(connections, 1, std::max(1.0, size_)); }

void Window::SetLimit(std::uint32_t limit) {
  CHECK(limit >= 1);
  limit_ = limit;
  size_ = std::min<double>(size_, limit);
}

void Window::Restore(double size) { size_ = std::clamp<double>(size, 1, limit_); }

}  // namespace delivery
