"""What users read is in the plain words of a statistical package (CONTRIBUTING.md)."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from waistats import get_instrument, list_instruments

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "waistats"
HEADING = "## The words users read"
# texts that have a wording of the list for a good reason: (file, wording)
ALLOWED: set[tuple[str, str]] = set()


def word_list() -> list[tuple[str, str]]:
    """Return the avoided wording of CONTRIBUTING.md and what to write instead."""
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    section = text.split(HEADING)[1].split("\n## ")[0]
    rows = re.findall(r"^\| (.+?) \| (.+?) \|$", section, flags=re.MULTILINE)
    return [row for row in rows if row[0] not in ("Avoid", "---")]


def pattern(avoided: str) -> re.Pattern[str]:
    """Return the pattern of a wording; three dots in it stand for some words."""
    parts = [re.escape(part.strip()) for part in avoided.split("...")]
    words = r"\W[^.;:]{1,40}?\W".join(part for part in parts if part)
    return re.compile(rf"(?<![\w-])(?<!there ){words}(?!\w)", re.IGNORECASE)


PATTERNS = {avoided: pattern(avoided) for avoided, _ in word_list()}


def shown(tree: ast.AST, public: bool) -> Iterator[tuple[int, str]]:
    """Yield the line and words of texts; of docstrings, public summaries."""
    skip: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(
            node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
        ):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                skip.add(id(first.value))
                own = getattr(node, "name", "_")  # a module has none
                if public and own[0] != "_" and isinstance(first.value.value, str):
                    yield first.lineno, first.value.value.split("\n\n")[0]
        elif isinstance(node, ast.JoinedStr):
            parts = []
            for part in node.values:
                skip.add(id(part))
                parts.append(part.value if isinstance(part, ast.Constant) else "{}")
            yield node.lineno, "".join(map(str, parts))
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in skip
        ):
            yield node.lineno, node.value


def avoided_in(text: str) -> list[str]:
    """Return the wordings of the list that a text has."""
    text = " ".join(text.split())
    return [avoided for avoided, found in PATTERNS.items() if found.search(text)]


def test_no_avoided_wording():
    wrong = [
        f"waistats/{name}:{line}: {avoided!r} in {text[:70]!r}"
        for path in sorted(PACKAGE.rglob("*.py"))
        for name in [path.relative_to(PACKAGE).as_posix()]
        for line, text in shown(
            ast.parse(path.read_text("utf-8")), public=path.name[0] != "_"
        )
        for avoided in avoided_in(text)
        if (name, avoided) not in ALLOWED
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    "text",
    [
        "3 things must be mended",
        "items turned round",
        "DL did not settle in 100 rounds",
        "columns= names 'x', which the table has not",
        "'x' is no column of the table",
        "3 coefficients left out",
    ],
)
def test_the_list_finds_what_it_is_for(text):
    assert avoided_in(text)


@pytest.mark.parametrize("text", ["x is not a column", "there is no column 'x'"])
def test_plain_words_pass(text):
    assert not avoided_in(text)


def test_every_avoided_wording_has_a_better_one():
    rows = word_list()
    assert len(rows) > 30
    assert not [row for row in rows if avoided_in(row[1])]


def test_marks_of_the_curators_are_not_shown():
    cards = [str(get_instrument(name, provisional=True)) for name in usable()]
    assert len(cards) > 5
    assert not [card for card in cards if re.search(r"\b(SEEN|KNOWN|PART)\b", card)]


def usable() -> list[str]:
    """Return the forms that come with a key."""
    forms = list_instruments()
    return list(forms.loc[forms["status"] != "no", "name"])
