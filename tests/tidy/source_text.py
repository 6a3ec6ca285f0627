"""What the checks need to know of source texts: C++ without comments and literals, and where functions begin and end."""

import ast
import re

_TOKENS = re.compile(
    r'//[^\n]*|/\*.*?\*/|R"([^\s()\\]{0,16})\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|(?<![0-9a-fA-F])\'(?:\\.|[^\'\\\n])+\'', re.DOTALL)
_SCOPE = re.compile(r"\b(namespace|class|struct|union|enum)\b[^()=]*$|\bextern\s*$|^\s*$")


def _blank(match):
    """The same number of lines, without the words. An include keeps its name."""
    text = match.group(0)
    return ('""' if text[0] in '"R' else "' '" if text[0] == "'" else "") + "\n" * text.count("\n")


def code_only(text):
    """`text` without comments and with empty literals; every line stays on its line."""
    return _TOKENS.sub(_blank, text)


def cpp_functions(text):
    """Yields (name, first line, last line) of every function body in clang-formatted C++; lambdas belong to their function."""
    code = re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", lambda m: "\n" * m.group(0).count("\n"), code_only(text), flags=re.MULTILINE)
    blocks = []  # per open brace: (head, line of the head) of a function, None for a scope, False for an initializer
    head_begin = 0
    line = 1
    parentheses = 0
    for i, c in enumerate(code):
        if c == "\n":
            line += 1
        elif c in "()":
            parentheses += 1 if c == "(" else -1
        elif c == "{" and re.match(r"[\w>]", code[i - 1]):
            blocks.append(False)  # member_{value}: clang-format puts a space before all other braces
        elif c == "{":
            head = re.sub(r"\b(public|private|protected):", "", code[head_begin:i])
            nested = parentheses > 0 or any(blocks)
            blocks.append(None if nested or not _is_function(head) else (_function_name(head), line - head.lstrip().count("\n")))
            head_begin = i + 1
        elif c == "}":
            block = blocks.pop() if blocks else None
            if block:
                yield block[0], block[1], line
            if block is not False:
                head_begin = i + 1
        elif c == ";" and parentheses == 0:
            head_begin = i + 1


def _is_function(head):
    """Whether the text before a brace, outside functions, makes it a function's."""
    plain = re.sub(r"\[\[.*?\]\]|template\s*<[^{}]*>\s*(?=class|struct)", "", head)
    return "(" in head and not _SCOPE.search(plain) and not head.rstrip().endswith("=")


def _function_name(head):
    test = re.search(r"\bTEST(?:_[FP])?\(\s*(\w+)\s*,\s*(\w+)", head)
    if test:
        return f"{test.group(1)}.{test.group(2)}"
    name = re.search(r"([~\w:]+|operator\S+)\s*\(", head)
    return name.group(1) if name else "a function"


def python_functions(text):
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node.name, node.lineno, node.end_lineno


def shell_functions(text):
    name, first = None, 0
    for number, line in enumerate(text.split("\n"), 1):
        start = re.match(r"(?:function\s+)?(\w+)\s*\(\)\s*\{\s*$", line)
        if start and name is None:
            name, first = start.group(1), number
        elif line == "}" and name is not None:
            yield name, first, number
            name = None
