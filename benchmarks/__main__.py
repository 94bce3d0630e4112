"""Run every benchmark and write docs/benchmarks.md.

``python -m benchmarks`` from the project's folder; names of scripts run those alone and
print them. R is used where Rscript is there, Python peers where WAISTATS_PEERS names
their interpreter; ``python -m benchmarks --install-peers DIR`` makes their environment
in a new folder and uses it.
"""

import ast
import os
import platform
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).parent
TARGET = HERE.parent / "docs" / "benchmarks.md"
SCRIPTS = sorted(p for p in HERE.glob("[a-z]*.py") if p.stem != "peers")
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
        "from importlib.metadata import version; "
        f"print(', '.join(f'{{n}} {{version(n)}}' for n in {PEERS!r}))"
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
    unknown = set(names) - {script.stem for script in SCRIPTS}
    if unknown:
        raise SystemExit(f"no benchmark named {', '.join(sorted(unknown))}")
    if names:
        for script in SCRIPTS:
            if script.stem in names:
                print(measured(script))
        return
    parts = [
        "# Benchmarks",
        "Written by `python -m benchmarks`. Ratios were measured in the same run; "
        "absolute times depend on the machine and on what else it does.",
        machine(),
    ]
    for script in SCRIPTS:
        print(f"{script.stem} ...", file=sys.stderr)
        parts += [
            f"## {script.stem.replace('_', ' ')}",
            claim(script),
            f"```text\n{measured(script)}\n```",
        ]
    TARGET.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    print(f"wrote docs/{TARGET.name}")


if __name__ == "__main__":
    main()
