#!/usr/bin/env python3
"""Proves that every check of check.py bites: bad samples in a folder of their own give the finding that is meant, good ones none."""

import shutil
import tempfile
import unittest
from pathlib import Path

import check
import clang_tidy
import source_text

HEADER = "#pragma once\n"


class Sample(unittest.TestCase):
    def setUp(self):
        self.root = Path(tempfile.mkdtemp(prefix="tidy-"))
        self.addCleanup(shutil.rmtree, self.root)

    def write(self, path, text):
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def findings(self, path, text, with_format=False):
        self.write(path, text)
        found, _ = check.check_tree(str(self.root), with_format)
        return [f"{line}: {fault}" for where, line, fault in found if where == path]

    def bites(self, path, text, part):
        found = self.findings(path, text)
        self.assertEqual(len(found), 1, f"{path}: {found}")
        self.assertIn(part, found[0])

    def passes(self, path, text):
        self.assertEqual(self.findings(path, text), [])


class Layers(Sample):
    def test_a_pure_module_knows_nothing_above_base(self):
        self.bites("engine/message/a.h", HEADER + '#include "engine/campaign/campaign.h"\n', "2: message may not include")
        self.bites("engine/smtp/a.h", HEADER + '#include "engine/io/io.h"\n', "smtp may not include")
        self.bites("dns/wire.h", HEADER + '#include "engine/io/io.h"\n', "dns may not include")
        self.bites("engine/ledger/record.h", HEADER + '#include "engine/io/disk.h"\n', "ledger_records may not include")
        self.passes("engine/dkim/a.h", HEADER + '#include "engine/message/rendered.h"\n#include "engine/base/time.h"\n')

    def test_nothing_looks_upwards(self):
        self.bites("engine/base/a.h", HEADER + '#include "engine/io/io.h"\n', "base may not include")
        self.bites("engine/delivery/a.h", HEADER + '#include "engine/shard.h"\n', "delivery may not include")
        self.bites("engine/engine.cc", '#include "tools/command.h"\n', "engine may not include")
        self.bites("tools/sandbox/a.cc", '#include "engine/smtp/reply.h"\n', "sandbox may not include")
        self.passes("engine/shard.h", HEADER + '#include "engine/delivery/site.h"\n#include "dns/cares_resolver.h"\n')
        self.passes("tools/main.cc", '#include "engine/engine.h"\n#include "tools/sandbox/sink.h"\n')

    def test_the_simulator_knows_no_kernel_and_no_network(self):
        for header in ('"engine/io/uring_io.h"', '"engine/io/epoll_io.h"', '"dns/cares_resolver.h"', "<sys/socket.h>", "<unistd.h>"):
            self.bites("tests/sim/a.cc", f"#include {header}\n", "may")

    def test_the_kernel_has_one_door(self):
        self.bites("engine/delivery/a.cc", "#include <sys/socket.h>\n", "kernel")
        self.bites("engine/roster/a.cc", "#  include <fcntl.h>\n", "kernel")
        self.passes("engine/io/a.cc", "#include <sys/epoll.h>\n")
        self.passes("engine/base/ip_address.cc", "#include <arpa/inet.h>\n")

    def test_libraries_have_one_home(self):
        self.bites("engine/delivery/a.cc", "#include <openssl/ssl.h>\n", "may be included only by")
        self.bites("engine/io/epoll_io.cc", "#include <liburing.h>\n", "may be included only by")
        self.bites("dns/cache.cc", "#include <ares.h>\n", "may be included only by")


class Sizes(Sample):
    def test_files_stay_within_400_lines(self):
        for path in ("engine/base/a.cc", "tests/e2e/a.py", "tools/a.sh"):
            self.bites(path, "\n" * 401, "401 lines")
            self.passes(path, "\n" * 400)

    def test_functions_stay_within_70_lines(self):
        body = "  Call();\n" * 68
        long_body = body + "  Call();\n"
        for head in ("void F() {\n", "TEST(A, B) {\n", "Shape Class::Method(int a,\n    int b) const {\n",
                     "A::A(int a) : a_(a), b_{a} {\n"):
            self.assertTrue(self.findings("engine/base/a.cc", head + long_body + "}\n"), head)
        self.passes("engine/base/a.cc", "void F() {\n" + body + "}\n")
        self.bites("engine/base/a.h", HEADER + "namespace base {\nclass A {\n public:\n  void F() {\n" + long_body + "  }\n};\n}\n", "F has 71")
        self.bites("a.py", "def f():\n" + "    pass\n" * 70, "f has 71 lines")
        self.bites("a.sh", "f() {\n" + "  true\n" * 69 + "}\n", "f has 71 lines")

    def test_what_is_no_function_may_be_longer(self):
        self.passes("engine/base/a.cc", "namespace base {\n" + "int F();\n" * 100 + "}\n")
        self.passes("engine/base/b.cc", "constexpr int kTable[] = {\n" + "    F(1),\n" * 100 + "};\n")
        self.passes("engine/base/c.h", HEADER + "class A {\n" + "  int F();\n" * 100 + "};\n")

    def test_functions_are_found_behind_comments_and_literals(self):
        text = 'int F() {  // {\n  return G("{", \'{\', 1\'000);\n}\n\nint H() {\n  auto l = [] { return 1; };\n  return l();\n}\n'
        self.assertEqual([f for f in source_text.cpp_functions(text)], [("F", 1, 3), ("H", 5, 8)])
        raw = 'const char* k = R"(void X() {)";\nint F() { return 1; }\n'
        self.assertEqual([f[0] for f in source_text.cpp_functions(raw)], ["F"])


class Words(Sample):
    def test_code_words(self):
        for code in ("co_await x;", "throw 1;", "std::views::all(x);", "auto n = std::chrono::steady_clock::now();", "absl::string_view s;",
                     "std::this_thread::sleep_for(x);", "usleep(1);", "sleep(1);", "thread_local int i;", "std::source_location l;"):
            self.bites("engine/delivery/a.cc", code + "\n", "may not stand here")
        self.passes("engine/io/clock.cc", "auto n = std::chrono::steady_clock::now();\n")
        self.passes("engine/base/text.h", HEADER + "absl::string_view s;\n")
        self.passes("engine/base/a.cc", "// It does not throw.\nconst char* k = \"throw\";\nint rethrown;\n")

    def test_relative_includes(self):
        self.bites("engine/base/a.cc", '#include "../io/io.h"\n', "full path")
        self.bites("engine/base/a.cc", '#include "./io.h"\n', "full path")

    def test_waiting_in_scripts(self):
        self.bites("tests/e2e/a.py", "import time\ntime.sleep(1)\n", "2: ")
        self.bites("tests/a.sh", "true; sleep 1\n", "sleep")
        self.passes("tests/b.sh", "# we sleep 1 night\n")

    def test_unfinished_work(self):
        for path in ("engine/base/a.cc", "README.md", "CMakeLists.txt", "tests/a.py"):
            self.bites(path, "# TO" + "DO: later\n" if path != "engine/base/a.cc" else "// FIX" + "ME\n", "may not stand here")
        self.bites("tools/README.md", "This is so for now.\n", "may not stand here")

    def test_paths_of_one_machine(self):
        for place in ("/work/" + "main", "/home/" + "someone", "/root/" + ".cache", "/Users/" + "someone"):
            self.bites("tools/README.md", f"see {place}\n", "relative to the repository")
        self.passes("tools/README.md", "https://example.com/home/page and build/work/a and ~/work/x\n")


class Headers(Sample):
    def test_guards(self):
        self.bites("engine/base/a.h", "int F();\n", "no #pragma once")

    @unittest.skipUnless(shutil.which(check.CLANG_FORMAT), "no clang-format")
    def test_format(self):
        self.write(".clang-format", "BasedOnStyle: Google\n")
        self.assertIn("not formatted", self.findings("engine/base/a.cc", "int  F( ) ;\n", with_format=True)[0])
        self.assertEqual(self.findings("engine/base/a.cc", "int F();\n", with_format=True), [])


class Tree(Sample):
    def test_build_and_hidden_folders_are_no_sources(self):
        self.passes("build/release/a.cc", "throw 1;\n")
        self.passes(".git/a.cc", "throw 1;\n")

    def test_the_link_of_a_worktree_is_no_source(self):
        self.passes(".git", "gitdir: /" + "work/main/.git/worktrees/x\n")

    def test_text_that_is_not_utf8(self):
        (self.root / "a.cc").write_bytes(b"// \xff\n")
        self.assertEqual(check.check_tree(str(self.root), False)[0], [("a.cc", 1, "not UTF-8")])


class ClangTidyCache(Sample):
    def test_the_key_depends_on_all_that_is_included(self):
        self.write(".clang-tidy", "Checks: x\n")
        self.write("engine/a.h", HEADER + '#include "engine/b.h"\n')
        self.write("engine/b.h", HEADER)
        self.write("engine/a.cc", '#include "engine/a.h"\n')
        entry = {"file": str(self.root / "engine/a.cc"), "command": "c++ -c a.cc"}
        key = clang_tidy.key_of(self.root, entry)
        self.assertEqual(key, clang_tidy.key_of(self.root, entry))
        self.write("engine/b.h", HEADER + "int i;\n")
        changed = clang_tidy.key_of(self.root, entry)
        self.assertNotEqual(key, changed)
        self.write(".clang-tidy", "Checks: y\n")
        self.assertNotEqual(changed, clang_tidy.key_of(self.root, entry))
        self.assertNotEqual(clang_tidy.key_of(self.root, entry), clang_tidy.key_of(self.root, {**entry, "command": "c++ -O2"}))


if __name__ == "__main__":
    unittest.main()
