"""The scripts of analyses/ run, and write what they promise."""

import ast
import re
import runpy
from pathlib import Path

import pytest

ANALYSES = Path(__file__).parents[2] / "analyses"
SCRIPTS = sorted(ANALYSES.glob("[0-9]*.py"))
QUICK = [s for s in SCRIPTS if s.name[:2] in {"01", "02", "03", "04", "06"}]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda s: s.name)
def test_scripts_are_short_and_use_public_names(script):
    text = script.read_text(encoding="utf-8")
    tree = ast.parse(text)
    assert len(text.splitlines()) <= 65
    for word in ("Question:", "Reads:", "Writes:"):
        assert word in ast.get_docstring(tree)
    imported = [
        node.module
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module
    ]
    assert not any(name.startswith("waistats.") for name in imported)


@pytest.mark.parametrize("script", QUICK, ids=lambda s: s.name)
def test_scripts_write_what_they_promise(
    script, request, monkeypatch, tmp_path, capsys
):
    if "meyer_wai_sr" in script.read_text(encoding="utf-8"):
        request.getfixturevalue("meyer_cache")
    elif "fetch_dataset" in script.read_text(encoding="utf-8"):
        request.getfixturevalue("open_cache")
    copy = tmp_path / script.name
    copy.write_bytes(script.read_bytes())
    runpy.run_path(str(copy), run_name="__main__")
    promised = re.findall(r"output/([\w.]+\.\w+)", script.read_text(encoding="utf-8"))
    assert promised
    for name in promised:
        assert (tmp_path / "output" / name.rstrip(".")).stat().st_size > 0
    assert capsys.readouterr().out
