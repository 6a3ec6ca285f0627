#include "engine/base/intrusive_list.h"

#include <gtest/gtest.h>

#include <vector>

namespace base {
namespace {

struct Element {
  explicit Element(int n) : number(n) {}
  virtual ~Element() = default;  // Not standard layout, as the elements in use.
  int number;
  ListHook hook, other_hook;
};
using List = IntrusiveList<Element, &Element::hook>;
using OtherList = IntrusiveList<Element, &Element::other_hook>;

std::vector<int> Numbers(const List& list) {
  std::vector<int> numbers;
  for (const Element* e = list.empty() ? nullptr : &list.front(); e != nullptr; e = list.Next(*e))
    numbers.push_back(e->number);
  return numbers;
}

TEST(IntrusiveList, KeepsTheOrder) {
  Element a(1), b(2), c(3);
  List list;
  EXPECT_TRUE(list.empty());
  list.PushBack(b);
  list.PushBack(c);
  list.PushFront(a);
  EXPECT_EQ(Numbers(list), (std::vector<int>{1, 2, 3}));
  EXPECT_EQ(list.size(), 3u);
  EXPECT_EQ(list.front().number, 1);
  EXPECT_EQ(list.back().number, 3);
  list.Remove(b);
  EXPECT_FALSE(b.hook.IsLinked());
  EXPECT_EQ(Numbers(list), (std::vector<int>{1, 3}));
  list.PushBack(b);
  EXPECT_EQ(list.PopFront().number, 1);
  EXPECT_EQ(list.PopFront().number, 3);
  EXPECT_EQ(list.PopFront().number, 2);
  EXPECT_TRUE(list.empty());
  EXPECT_EQ(list.size(), 0u);
}

TEST(IntrusiveList, AnElementIsInOneListPerHook) {
  Element a(1), b(2);
  List list;
  OtherList other;
  list.PushBack(a);
  list.PushBack(b);
  other.PushBack(b);
  other.PushBack(a);
  EXPECT_EQ(other.front().number, 2);
  list.Remove(a);
  EXPECT_TRUE(a.other_hook.IsLinked());
  other.Remove(a);
  other.Remove(b);
  list.Remove(b);
}

TEST(IntrusiveListDeathTest, MisuseEndsTheProgram) {
  Element a(1);
  List list, second;
  list.PushBack(a);
  EXPECT_DEATH(second.PushBack(a), "check failed");
  EXPECT_DEATH(
      {
        Element in_a_list(2);
        second.PushBack(in_a_list);
      },
      "check failed");
  list.Remove(a);
  EXPECT_DEATH(list.Remove(a), "check failed");
  EXPECT_DEATH(list.PopFront(), "check failed");
}

}  // namespace
}  // namespace base
