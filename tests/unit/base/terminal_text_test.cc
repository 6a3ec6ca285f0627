#include "engine/base/terminal_text.h"

#include <gtest/gtest.h>

#include <string>

namespace base {
namespace {

TEST(TerminalText, EscapesAndLineBreaksBecomeSpaces) {
  EXPECT_EQ(Harmless("line1\nline2\x1B]0;t\x07"), "line1 line2 ]0;t ");
  EXPECT_EQ(Harmless("a\nb\tc\rd", "\n\t"), "a\nb\tc d");
  EXPECT_EQ(Harmless("\xC2\x9B"
                     "31m \x7F"),
            " 31m  ");
}

TEST(TerminalText, WhatChangesTheDirectionBecomesASpace) {
  for (const char* control : {"\u061C", "\u200E", "\u200F", "\u202A", "\u202E", "\u2066", "\u2069"})
    EXPECT_EQ(Harmless(std::string("a") + control + "b"), "a b");
  for (const char* letter : {"\u061B", "\u200D", "\u2010", "\u2030", "\u2065", "\u206A", "Zo\u00EB", "\u05D0"})
    EXPECT_EQ(Harmless(letter), letter);
}

TEST(TerminalText, OctetsOfNoUtf8BecomeQuestionMarks) {
  EXPECT_EQ(Harmless("a\xFF"
                     "b\xE2\x80"),
            "a?b??");
  EXPECT_EQ(Harmless("\xC0\x9B"), "??");
}

}  // namespace
}  // namespace base
