"""Imports go down the list of ARCHITECTURE.md, and never in a circle."""

import ast
import re
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "waistats"
# the report is loaded when RGStudy.report() is called
LOCAL = {("rg.study", "report")}


def listed_packages() -> list[str]:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    block = re.search(r"## The packages\s+```\n(.*?)```", text, re.S)
    assert block is not None
    return [line.split()[0] for line in block.group(1).splitlines() if line.strip()]


def modules() -> dict[str, Path]:
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        if name and name != "__main__":
            found[name] = path
    return found


def imported(path: Path, known: set[str], *, everywhere: bool) -> set[str]:
    """Modules that a file imports: at its top, or in its functions, too."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    targets: set[str] = set()
    for node in ast.walk(tree) if everywhere else tree.body:
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: relative import"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            names.append(node.module)
        else:
            continue
        targets |= {n.removeprefix("waistats.") for n in names if "waistats." in n}
    return targets & known


def test_every_package_is_listed_once():
    order = listed_packages()
    assert len(order) == len(set(order))
    assert sorted(order) == sorted({name.split(".")[0] for name in modules()})


def test_imports_go_down_only():
    order = {name: i for i, name in enumerate(listed_packages())}
    known = set(modules())
    wrong = []
    for name, path in modules().items():
        own = name.split(".")[0]
        for target in imported(path, known, everywhere=True):
            package = target.split(".")[0]
            if order[package] > order[own] and (name, package) not in LOCAL:
                wrong.append(f"{name} imports {target}")
    assert not wrong


def test_no_import_goes_in_a_circle():
    known = modules()
    inits = {name for name, path in known.items() if path.name == "__init__.py"}
    graph = {
        name: imported(path, set(known), everywhere=False) - {name} - inits
        for name, path in known.items()
        if name not in inits
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:  # the message lists the circle
        pytest.fail(str(error.args[1]))


def doors_and_internals() -> tuple[set[str], set[str]]:
    """Front doors, and modules with an underscore in their path."""
    files = {n for n, path in modules().items() if path.name != "__init__.py"}
    doors = {name for name in files if not re.search(r"(^|\.)_", name)}
    return doors, files - doors


def test_the_map_counts_what_is_there():
    text = " ".join((ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8").split())
    told = re.search(r"There are (\d+) front doors and (\d+) internals", text)
    assert told is not None
    for said, found in zip(told.groups(), doors_and_internals(), strict=True):
        assert abs(int(said) - len(found)) <= 3, (
            f"{said} are told, there are {len(found)}"
        )


def test_the_map_fits_on_two_screens_and_names_what_is_there():
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 110
    known = modules()
    absent = []
    for name in re.findall(r"`((?:[a-z_0-9]+\.)+[A-Za-z_0-9]+)`", text):
        if name.split(".")[0] not in known or name.endswith((".py", ".md")):
            continue
        parent, _, last = name.rpartition(".")
        inside = parent in known and re.search(
            rf"^(?:def|class) {last}\b|^{last}\b",
            known[parent].read_text("utf-8"),
            re.M,
        )
        if name not in known and not inside:
            absent.append(name)
    for path in re.findall(r"`((?:[a-z_0-9]+/)+[a-z_0-9]+\.(?:py|json|pyi|md))`", text):
        if not any((folder / path).exists() for folder in (ROOT, PACKAGE)):
            absent.append(path)
    assert absent == []


# modules below 90 lines that one other module of their package uses
APART = {
    "cli.app",  # what the console script starts
    "cli.data", "cli.project", "cli.retrace",  # named as the commands are
    "reliability.by_study._pack",  # arithmetic that its test proves, for a long module
    "report.works",  # the references that a report may cite
    "tables._text",  # a writer beside those of the other formats
    "tables.generic",  # the public table of anything
}  # fmt: skip


def test_modules_are_neither_long_nor_rooms_for_one_guest():
    known = modules()
    sizes = {n: len(p.read_text("utf-8").splitlines()) for n, p in known.items()}
    assert {name: n for name, n in sizes.items() if n > 650} == {}
    users: dict[str, set[str]] = {name: set() for name in known}
    for name, path in known.items():
        for target in imported(path, set(known), everywhere=True) - {name}:
            users[target].add(name)
    alone = {
        name
        for name, path in known.items()
        if sizes[name] < 90
        and path.name != "__init__.py"
        and [user.split(".")[0] for user in users[name]] == [name.split(".")[0]]
    }
    assert alone - APART == set()
    assert APART - sizes.keys() == set()


def kinds_asked_for(kind: str) -> list[str]:
    """Modules that ask ``isinstance(..., kind)``, each as often as it does."""
    found = []
    for name, path in modules().items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            asks = isinstance(node, ast.Call) and ast.unparse(node.func) == "isinstance"
            if asks and re.search(rf"\b{kind}\b", ast.unparse(node.args[1])):
                found.append(name)
    return found


def _calls(node, *names):
    """Whether this is a call of one of these, as ``stats.norm.ppf`` or ``ppf``."""
    if not isinstance(node, ast.Call):
        return False
    said = ast.unparse(node.func)
    return any(said == name or said.endswith(f".{name}") for name in names)


def _negative(node):
    return isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub)


def critical_value(node):
    """A critical value or a p value of normal, t or chi-square."""
    if _calls(node, "norm.ppf", "t.ppf", "stdtrit", "chi2.ppf", "chi2.sf", "norm.sf"):
        return True
    doubled = isinstance(node, ast.BinOp) and ast.unparse(node.left) == "2"
    return doubled and _calls(node.right, "ndtr", "stdtr", "norm.cdf", "t.cdf")


def scale_of_bonett(node):
    """The logarithm -ln(1 - a), or the way back."""
    if _negative(node) and _calls(node.operand, "log1p"):
        return _negative(node.operand.args[0])
    if _negative(node) and _calls(node.operand, "expm1", "log1mexp"):
        return True
    minus = isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub)
    if not minus or ast.unparse(node.left) not in {"1", "1.0"}:
        return False
    return _calls(node.right, "exp") and _negative(node.right.args[0])


def decides_who_is_poolable(node):
    """A comparison with the word by which a table says that a row can be pooled."""
    return isinstance(node, ast.Compare) and any(
        isinstance(part, ast.Constant) and part.value == "poolable"
        for part in ast.walk(node)
    )


def a_95_percent_quantile(node):
    """A quantile typed as a number, which forgets the confidence level."""
    return isinstance(node, ast.Constant) and node.value in {1.96, 1.645, 2.576}


def rounds_a_number(node):
    """A number that a text rounds to decimals by itself."""
    if not isinstance(node, ast.FormattedValue) or node.format_spec is None:
        return False
    return bool(re.search(r"\.(\d|\{\w+\})[f%]'$", ast.unparse(node.format_spec)))


@pytest.mark.parametrize(
    ("rule", "where"),
    [
        # sizes of drawings and of files
        (
            rounds_a_number,
            {"_format", "app._project", "report._slices", "report.blocks"},
        ),
        # scores of normal quantiles; quantiles of a mixture of t
        (critical_value, {"_areas", "figures.qq", "reliability._two_alphas"}),
        # the logarithm of a probability
        (scale_of_bonett, {"measures._scales", "reliability._two_alphas"}),
        (decides_who_is_poolable, {"measures._rows"}),
        # a rule of exclusion, whatever the level
        (a_95_percent_quantile, {"sensitivity._multiverse_tables"}),
    ],
)
def test_what_one_place_decides_is_written_there_only(rule, where):
    """The rows of ARCHITECTURE.md's table that can be seen in the code itself."""
    found = {
        name
        for name, path in modules().items()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if rule(node)
    }
    assert found <= where
    assert found


@pytest.mark.parametrize(
    ("kind", "where"),
    [
        # models say `is_multilevel`; only what a user gave must be looked at
        ("MultilevelResult", ["sensitivity._refit"]),
        ("RGStudy", ["practice._population", "rg.as_model"]),
    ],
)
def test_results_are_asked_not_told_apart(kind, where):
    """A rule that differs by kind of result is a method of it, or dispatched by type."""
    assert sorted(kinds_asked_for(kind)) == where
