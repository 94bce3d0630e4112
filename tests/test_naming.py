"""The tests of a module are found by its name, and a test file says what it tests.

`waistats/meta/tau2.py` is tested in `tests/meta/test_tau2.py`; files such as
`test_tau2_edges.py` may follow. What is otherwise is listed here.
"""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE, TESTS = ROOT / "waistats", ROOT / "tests"

# files about what many modules do
WHOLE = {
    "meta/test_numerics.py",
    "test_architecture.py",
    "test_manners.py",
    "test_naming.py",
    "test_public.py",
    "test_release.py",
    "test_slow.py",
    "test_start.py",
    "test_words_of_options.py",
}
# front doors whose tests come to them by another name
REACHED = {
    "by its page": {
        "app/data", "app/generalize", "app/reliability", "app/report", "app/teaching",
    },
    "by typing": {"cli/app", "cli/data"},
    "by what a function returns": {
        "meta/multilevel/result", "meta/multivariate_result", "meta/results", "rg/study",
    },
    "by short=True": {"report/short"},
}  # fmt: skip
# folders about the package as its users meet it
WHOLE_FOLDERS = {"cases", "end_to_end", "robustness", "site", "user_script"}


def public_modules():
    """Modules that are front doors, as ``meta/tau2``."""
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        if not any(part.startswith("_") for part in parts):
            yield "/".join(parts)


def own_tests(module):
    """The file of a module's name, or one of an aspect of it."""
    folder, name = (TESTS / module).parent, module.split("/")[-1]
    return [folder / f"test_{name}.py", *folder.glob(f"test_{name}_*.py")]


def test_every_public_module_has_tests_of_its_name():
    lost = [
        module
        for module in public_modules()
        if not any(path.is_file() for path in own_tests(module))
    ]
    assert lost == []


def test_the_tests_of_a_front_door_use_what_it_holds():
    reached = set().union(*REACHED.values())
    elsewhere = []
    for module in public_modules():
        body = ast.parse((PACKAGE / f"{module}.py").read_text(encoding="utf-8")).body
        objects = [
            node.name
            for node in body
            if isinstance(node, (ast.FunctionDef, ast.ClassDef))
            and not node.name.startswith("_")
        ]
        names = [f"waistats.{module.replace('/', '.')}", *objects]
        texts = [p.read_text("utf-8") for p in own_tests(module) if p.is_file()]
        used = re.compile("|".join(rf"\b{re.escape(name)}\b" for name in names))
        if not any(used.search(text) for text in texts):
            elsewhere.append(module)
    assert sorted(set(elsewhere) - reached) == []
    assert reached <= set(public_modules())


def test_every_test_file_is_named_after_a_module():
    lost = []
    for path in sorted(TESTS.rglob("test_*.py")):
        place = path.relative_to(TESTS)
        first = place.parts[0]
        if first in WHOLE_FOLDERS or place.as_posix() in WHOLE:
            continue
        folder = PACKAGE / place.parent
        words = path.stem.removeprefix("test_").split("_")
        names = ["_".join(words[: i + 1]) for i in range(len(words))]
        if not any(
            (folder / f"{mark}{name}{end}").exists()
            for name in names
            for mark in ("", "_")
            for end in (".py", "/__init__.py")
        ):
            lost.append(place.as_posix())
    assert lost == []
