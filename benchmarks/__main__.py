"""Run every benchmark and write docs/benchmarks.md.

``python -m benchmarks`` from the project's folder takes about ten minutes; names of
scripts run those alone and print them, after ``--write`` they take the place of their
sections of the page. R is used where Rscript is there, Python peers where
WAISTATS_PEERS names their interpreter; ``python -m benchmarks --install-peers DIR``
makes their environment in a new folder and uses it.
"""

import ast
import os
import platform
import shutil
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).parent
# what fell short, in words, at the end of the page
SHORT = HERE / "fell_short.md"
TARGET = HERE.parent / "docs" / "benchmarks.md"
SCRIPTS = sorted(p for p in HERE.glob("[a-z]*.py") if p.stem not in ("peers", "memory"))
LIBRARIES = ("waistats", "numpy", "pandas", "scipy", "statsmodels", "pingouin")
PEERS = ("pimeta", "PyMARE", "PyMetaAnalysis", "statsmodels")
R_PACKAGES = ("metafor", "psych", "boot", "lavaan")


def processor() -> str:
    """Return the processor's name where the system tells."""
    facts = Path("/proc/cpuinfo")
    if facts.exists():
        for line in facts.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def output(command: list[str]) -> str:
    """Return what a command prints, or nothing where it fails."""
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    return run.stdout.strip() if run.returncode == 0 else ""


def peer_versions() -> str:
    """Return the versions of the Python peers."""
    interpreter = os.environ.get("WAISTATS_PEERS")
    if not interpreter:
        return "no Python peers"
    code = (
        "from importlib.metadata import distributions; "
        "had = {d.name.lower(): d.version for d in distributions()}; "
        "told = lambda n: n + ' ' + had.get(n.lower(), 'not at hand'); "
        f"print(', '.join(map(told, {PEERS!r})))"
    )
    return output([interpreter, "-c", code]) or "Python peers not complete"


def r_versions() -> str:
    """Return the versions of R and its packages."""
    if shutil.which("Rscript") is None:
        return "no R"
    names = ", ".join(f'"{name}"' for name in R_PACKAGES)
    code = (
        'cat(paste0("R ", getRversion())); '
        f"for (n in c({names})) if (requireNamespace(n, quietly = TRUE)) "
        'cat(paste0(", ", n, " ", packageVersion(n)))'
    )
    return output(["Rscript", "-e", code])


def machine() -> str:
    """Return what the numbers were measured on."""
    load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"
    ours = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    return "\n".join(
        [
            f"* {processor()}, {os.cpu_count()} cores, {platform.system()}; "
            f"load at the start {load}",
            f"* Python {platform.python_version()}, {ours}",
            f"* {peer_versions()}",
            f"* {r_versions()}",
        ]
    )


def claim(script: Path) -> str:
    """Return what a script says of itself."""
    tree = ast.parse(script.read_text(encoding="utf-8"))
    text = ast.get_docstring(tree) or ""
    head, _, rest = text.partition("\n\n")
    return f"{head}\n\n{' '.join(rest.split())}"


def install(folder: str) -> str:
    """Make an environment with the Python peers and return its interpreter."""
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    python = str(Path(folder) / "bin" / "python")
    wanted = str(HERE / "requirements-peers.txt")
    subprocess.run([python, "-m", "pip", "install", "-q", "-r", wanted], check=True)
    return python


def measured(script: Path) -> str:
    """Run a script and return what it prints."""
    run = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, check=False
    )
    if run.returncode != 0:
        raise SystemExit(f"{script.name} failed:\n{run.stderr}")
    return run.stdout.rstrip()


def main() -> None:
    """Write the page, or print the scripts named."""
    names = sys.argv[1:]
    if names[:1] == ["--install-peers"]:
        if len(names) < 2:
            raise SystemExit("--install-peers takes the folder of a new environment")
        os.environ["WAISTATS_PEERS"] = install(names[1])
        names = names[2:]
    write = names[:1] == ["--write"] or not names
    names = names[1:] if names[:1] == ["--write"] else names
    unknown = set(names) - {script.stem for script in SCRIPTS}
    if unknown:
        raise SystemExit(f"no benchmark named {', '.join(sorted(unknown))}")
    chosen = [script for script in SCRIPTS if not names or script.stem in names]
    if not write:
        for script in chosen:
            print(measured(script))
        return
    # sections that are not measured anew stay as they are
    sections = sections_of(TARGET) if names else {}
    for script in chosen:
        start = time.monotonic()
        print(f"{script.stem} ...", file=sys.stderr, end="", flush=True)
        sections[script.stem] = "\n\n".join(
            [
                f"## {script.stem.replace('_', ' ')}",
                claim(script),
                f"```text\n{measured(script)}\n```",
            ]
        )
        print(f" {time.monotonic() - start:.0f} s", file=sys.stderr)
    parts = [
        "# Benchmarks",
        "Written by `python -m benchmarks`. Ratios were measured in the same run; "
        "absolute times depend on the machine and on what else it does.",
        machine(),
        *(sections[s.stem] for s in SCRIPTS if s.stem in sections),
    ]
    if SHORT.exists():
        parts.append(SHORT.read_text(encoding="utf-8").strip())
    TARGET.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    print(f"wrote docs/{TARGET.name}")


def sections_of(page: Path) -> dict[str, str]:
    """Return the sections of a page by the names of their scripts."""
    text = page.read_text(encoding="utf-8") if page.exists() else ""
    found = {}
    for part in text.split("\n## ")[1:]:
        title = part.partition("\n")[0]
        found[title.replace(" ", "_")] = f"## {part.strip()}"
    return found


if __name__ == "__main__":
    main()
