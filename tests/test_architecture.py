"""The import order of ARCHITECTURE.md holds, and every module stands in it."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "waistats"


def listed_order() -> list[str]:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    block = re.search(r"## The order\s+```\n(.*?)```", text, re.S)
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


def imported_modules(path: Path, known: set[str]) -> set[str]:
    targets: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: relative import"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            names.append(node.module)
        else:
            continue
        for name in names:
            short = name.removeprefix("waistats.")
            if name.startswith("waistats.") and short in known:
                targets.add(short)
    return targets


def test_every_module_is_listed_once():
    order = listed_order()
    assert len(order) == len(set(order))
    packages = {n for n, p in modules().items() if p.name == "__init__.py"}
    assert sorted(order) == sorted(set(modules()) - packages)


def test_imports_go_up_only():
    order = {name: i for i, name in enumerate(listed_order())}
    wrong = []
    for name, path in modules().items():
        if name not in order:
            continue
        for target in imported_modules(path, set(order)):
            local = (name, target) == ("generalization.study", "report.page")
            if order[target] >= order[name] and not local:
                wrong.append(f"{name} imports {target}")
    assert not wrong
