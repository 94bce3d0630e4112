"""Messages that reach the command line name options through `waistats._caller.option`.

An option that is written into a message as Python spells it is advice to the wrong
reader: the command line never advises Python.
"""

import ast
import re
from pathlib import Path

import pytest

import waistats

ROOT = Path(waistats.__file__).parent
# what a file of answers or of coefficients passes through on its way
READ = ("io", "instruments", "reliability/by_study", "intake")
PYTHON = re.compile(r"(?<![\w.])[a-z][a-z_]{2,}=(?!=)|\b[a-z_]{4,}\(\)")
# a word that is no option: CSV files of Excel start with sep=;
PLAIN = {"sep="}
# places that ask who is calling before they say it
ASKED = {"forms.py"}


def messages(path: Path) -> list[tuple[int, str]]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef)
    docs = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, kinds) and node.body and isinstance(node.body[0], ast.Expr)
    }
    return [
        (node.lineno, node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and id(node) not in docs
    ]


FILES = [path for folder in READ for path in sorted((ROOT / folder).glob("*.py"))]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_options_are_written_as_the_caller_writes_them(path):
    if path.name in ASKED:
        return
    bad = [
        f"{path.name}:{line}: {text!r}"
        for line, text in messages(path)
        for found in PYTHON.findall(text)
        if found not in PLAIN
    ]
    assert not bad
