"""The same bytes in another world: locale, clock, threads, settings, folder, processor."""

import base64
import hashlib
import os
import platform
import re
import shutil
import stat
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from lxml import html
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

import waistats
from waistats import load_dataset
from waistats.cli.app import main
from waistats.report.code import LIBRARIES, colophon

ROOT = Path(__file__).parents[2]
WINDOWS = os.name == "nt"

# a user's settings, none of which may reach a figure of ours
MATPLOTLIBRC = """\
font.family: serif
font.size: 23
lines.linewidth: 9
axes.facecolor: red
axes.formatter.use_locale: True
axes.unicode_minus: False
figure.dpi: 33
savefig.dpi: 44
savefig.bbox: tight
savefig.transparent: True
svg.fonttype: none
svg.hashsalt: somebody
xtick.direction: in
"""
# programs around ours, such as notebooks, take the user's locale and mask
PROGRAM = """\
import locale, os, sys
if sys.argv[1]:
    os.umask(int(sys.argv[1], 8))
locale.setlocale(locale.LC_ALL, "")
print(sys.stdout.encoding, locale.localeconv()["decimal_point"])
"""
REPRODUCE = (
    PROGRAM
    + """\
from waistats.cli import main
sys.argv[1:] = ["reproduce", "--output", "out"]
sys.exit(main())
"""
)
SEEDED = """\
import hashlib
import waistats as ws

def said(name, *values):
    print(name, *(float(v).hex() for v in values))

form = "WAI-SR"
frame = ws.simulate_responses(form, studies=3, n=120, tau=0.3, reliability=0.8, seed=1)
print("responses", hashlib.sha256(frame.to_csv().encode()).hexdigest())
table = ws.simulate_literature(60, seed=2).table
print("literature", hashlib.sha256(table.to_csv().encode()).hexdigest())
items = ws.keyed_items(frame, form)[[name for name in frame if name.startswith("wai")]]
found = ws.cronbach_alpha(items, ci="bootstrap", n_resamples=400, seed=3)
said("alpha", found.estimate, found.ci_low, found.ci_high)
found = ws.omega_total(items, ci="bootstrap", n_resamples=100, seed=4)
said("omega", found.estimate, found.ci_low, found.ci_high)
fit = ws.fit_meta(ws.effect_sizes(ws.load_dataset("mibs")), "~ year")
test = ws.permutation_test(fit, n_permutations=200, seed=6)
said("permutation", *test.to_frame().select_dtypes("number").to_numpy().ravel())
cloud = ws.gosh(ws.fit_meta(ws.effect_sizes(ws.load_dataset("mibs"))), 300, seed=7)
print("gosh", hashlib.sha256(cloud.to_frame().to_csv().encode()).hexdigest())
"""


def comma_locale(folder):
    """Make a locale with decimal commas and no Unicode; None where that cannot be."""
    if shutil.which("localedef") is None:
        return None
    command = ["localedef", "-i", "de_DE", "-f", "ISO-8859-1", str(folder / "de_DE")]
    done = subprocess.run(command, capture_output=True, check=False)
    return "de_DE" if done.returncode == 0 else None


def plain_world(folder):
    """Return the environment, mask and working folder of an ordinary machine."""
    work = folder / "plain"
    work.mkdir()
    said = {"LC_ALL": "C.UTF-8", "TZ": "UTC", "PYTHONHASHSEED": "0"}
    return said | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}, "022", work


def other_world(folder):
    """Return the same of a machine on which everything is different."""
    work, own = folder / "anderswo ü, mit Leerzeichen", folder / "settings"
    for place in (work, own):
        place.mkdir()
        rc = place / "matplotlibrc"
        rc.write_text(MATPLOTLIBRC, encoding="utf-8")
    language = comma_locale(own)
    said = {
        "LC_ALL": language or "C", "LANG": language or "C", "LOCPATH": str(own),
        "TZ": "Pacific/Kiritimati", "PYTHONHASHSEED": "4711", "PYTHONUTF8": "0",
        "PYTHONCOERCECLOCALE": "0", "MPLCONFIGDIR": str(own),
        "OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2", "COLUMNS": "40",
    }  # fmt: skip
    # before, a backend measured texts at a resolution of its own
    if Version(metadata.version("matplotlib")) >= Version("3.11"):
        said["MPLBACKEND"] = "pdf"
    return said, "077", work


def run(program, world, *more):
    """Run a program in a world and return what it prints, and in which encoding."""
    said, mask, work = world
    package = str(Path(waistats.__file__).parents[1])
    path = os.pathsep.join([package, *filter(None, [os.environ.get("PYTHONPATH")])])
    gone = {"LC_ALL", "LANG", "LANGUAGE", "MPLCONFIGDIR", "SOURCE_DATE_EPOCH"}
    kept = {k: v for k, v in os.environ.items() if k not in gone}
    done = subprocess.run(
        [sys.executable, "-c", program, "" if WINDOWS else mask, *more],
        cwd=work,
        env=kept | {"PYTHONPATH": path} | said,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode(errors="replace")[-2000:]
    first, _, printed = done.stdout.partition(b"\n")
    encoding, sign = first.decode("ascii").split()
    assert sign == "," or said["LC_ALL"] != "de_DE"
    return printed, encoding


def held(folder):
    """Return the bytes of every file below a folder, by name."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.mark.slow
def test_reproduce_writes_the_same_bytes_anywhere(tmp_path):
    worlds = plain_world(tmp_path), other_world(tmp_path)
    (ours, _), (theirs, encoding) = (run(REPRODUCE, world) for world in worlds)
    assert b"alpha = .925" in ours
    assert theirs == ours.decode("utf-8").encode(encoding, "backslashreplace")
    first, second = (held(world[2] / "out") for world in worlds)
    assert list(first) == list(second)
    assert [name for name in first if first[name] != second[name]] == []
    assert sum(name.endswith(".svg") for name in first) >= 4
    assert sum(name.endswith(".csv") for name in first) >= 4
    assert not [name for name in first if os.fsencode(tmp_path) in first[name]]
    assert first["report.html"].count(b"<svg") >= 4
    for name in ("simulated_truth", "simulated_coefficients"):
        table = pd.read_csv(worlds[0][2] / "out" / "tables" / f"{name}.csv")
        assert (table["provenance"] == "SIMULATED").all()
    for _, mask, work in worlds if not WINDOWS else ():
        for path in (work / "out", *(work / "out").rglob("*")):
            full = 0o777 if path.is_dir() else 0o666
            assert stat.S_IMODE(path.stat().st_mode) == full & ~int(mask, 8), path


def test_seeds_give_the_same_numbers_anywhere(tmp_path):
    plain, (said, mask, work) = plain_world(tmp_path), other_world(tmp_path)
    # threads share out sums, whose last bits are another test's matter
    said |= {name: plain[0][name] for name in plain[0] if "THREADS" in name}
    first, second = (
        run(PROGRAM + SEEDED, world)[0] for world in (plain, (said, mask, work))
    )
    assert first.count(b"\n") == 6
    assert first == second


def other_arithmetic():
    """Return settings that make linear algebra and numpy sum in another order."""
    said = {"OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2"}
    found = np.show_config(mode="dicts")["SIMD Extensions"]["found"]
    newer = [name for name in found if re.match("X86_V4|AVX512", name)]
    if newer:
        # as a processor without these instructions has it
        said["NPY_DISABLE_CPU_FEATURES"] = " ".join(newer)
        # the linear algebra that numpy 2.5 brings crashes when told so
        if Version(np.__version__) < Version("2.5"):
            said["OPENBLAS_CORETYPE"] = "Haswell"
    return said


def test_another_arithmetic_changes_no_number(tmp_path):
    said, mask, work = plain_world(tmp_path)
    one, two = (
        [line.split() for line in run(PROGRAM + SEEDED, world)[0].decode().splitlines()]
        for world in ((said, mask, work), (said | other_arithmetic(), mask, work))
    )
    for (name, *ours), (again, *theirs) in zip(one, two, strict=True):
        assert name == again
        if name in {"responses", "literature"}:
            assert ours == theirs
        elif name != "gosh":
            numbers = [[float.fromhex(v) for v in values] for values in (ours, theirs)]
            np.testing.assert_allclose(*numbers, rtol=1e-10, atol=1e-12)


@pytest.mark.slow
def test_a_report_is_enough_to_make_it_again(tmp_path, monkeypatch):
    table = load_dataset("mibs").rename(columns={"estimate": "alpha"})
    monkeypatch.chdir(tmp_path)
    table.to_csv("mine.csv", index=False)
    options = {
        "--columns": "alpha=estimate", "--moderators": "~ year", "--by": "instrument",
        "--measure": "hakstian-whalen", "--method": "ML", "--conf-level": "0.9",
        "--within-correlation": "0.5", "--title": "a scale's \"scores\"",
    }  # fmt: skip
    words = [word for pair in options.items() for word in pair]
    assert main(["generalize", "mine.csv", *words, "--output", "out"]) == 0

    # from here on nothing but the page is used
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    tree = html.fromstring(page)
    (link,) = tree.xpath("//a[@download]")
    content = base64.b64decode(link.get("href").split(",", 1)[1])
    code = tree.xpath("//section[@aria-labelledby='again']//code")[0].text_content()
    closing = tree.get_element_by_id("colophon").getparent().text_content()
    assert hashlib.sha256(content).hexdigest() in closing
    work = tmp_path / "another folder"
    work.mkdir()
    (work / link.get("download")).write_bytes(content)
    code += "study.summary().to_csv('overall.csv', index=False)\n"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=work, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    made = (work / "report.html").read_text(encoding="utf-8")
    call = re.compile(r"Call: [^<]*")
    assert call.sub("", made) == call.sub("", page)
    tables = tmp_path / "out" / "tables"
    assert (work / "overall.csv").read_bytes() == (tables / "overall.csv").read_bytes()
    assert (tables / "coefficients.csv").read_bytes() == content


def project():
    """Return the declared requirements of the package and of its extras."""
    with (ROOT / "pyproject.toml").open("rb") as stream:
        made = tomllib.load(stream)["project"]
    core = [Requirement(text) for text in made["dependencies"]]
    extras = [
        Requirement(text)
        for some in made["optional-dependencies"].values()
        for text in some
    ]
    return core, [one for one in extras if one.name != made["name"]]


def test_the_colophon_has_what_numbers_depend_on():
    core, _ = project()
    # display outside the report, the command line, downloads
    others = {"great-tables", "typer", "tqdm", "pooch", "lazy-loader"}
    assert {one.name for one in core} - others == set(LIBRARIES)
    first, *rest = colophon([load_dataset("cesd")], "f(x)")
    for name in LIBRARIES:
        assert f"{name} {metadata.version(name)}" in first
    for fact in (
        f"waistats {waistats.__version__}", platform.python_version(),
        platform.system(), platform.machine(),
    ):  # fmt: skip
        assert fact in first
    assert platform.node() not in " ".join([first, *rest])
    assert rest[-1] == "Call: f(x)"


def pins():
    """Return the requirements of the lock file and the text of it."""
    text = (ROOT / "requirements-lock.txt").read_text(encoding="utf-8")
    entries = re.findall(
        r"^([A-Za-z0-9][^\\\n]*?) *\\\n((?:    --hash.*\n)+)", text, re.M
    )
    return [(Requirement(entry), hashes) for entry, hashes in entries], text


def test_the_lock_file_holds_every_declared_dependency():
    core, extras = project()
    locked, text = pins()
    assert len(locked) == sum("==" in line for line in text.splitlines())
    for one in core + extras:
        found = [
            p
            for p, _ in locked
            if canonicalize_name(p.name) == canonicalize_name(one.name)
        ]
        assert found, f"{one} is not in requirements-lock.txt; make it again"
        for pin in found:
            (version,) = (v.version for v in pin.specifier)
            assert one.specifier.contains(version), f"{pin} is not {one}"
        here = [pin for pin in found if pin.marker is None or pin.marker.evaluate()]
        assert len(here) == 1, f"{one}: {here}"


def test_the_lock_file_is_whole():
    locked, _ = pins()
    here = {
        canonicalize_name(pin.name): next(iter(pin.specifier)).version
        for pin, _ in locked
        if pin.marker is None or pin.marker.evaluate()
    }
    compared = 0
    for name, version in here.items():
        try:
            installed = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue
        if installed.version != version:
            continue
        compared += 1
        for one in map(Requirement, installed.requires or []):
            if one.marker is None or one.marker.evaluate({"extra": ""}):
                assert canonicalize_name(one.name) in here, f"{name} needs {one}"
    if not compared:
        pytest.skip("none of the locked versions is installed here")


def test_the_lock_file_names_no_machine():
    locked, text = pins()
    assert "uv pip compile --universal --generate-hashes --all-extras" in text[:500]
    for line in text.splitlines():
        assert "://" not in line
        assert not line.startswith("-")
        assert not re.search(r" @ |/(?:tmp|home|root|opt|work)/", line)
    for _, hashes in locked:
        assert re.fullmatch(r"(?: +--hash=sha256:[0-9a-f]{64}(?: \\)?\n)+", hashes)
