"""Make tests/slow.txt anew from what ``pytest --durations=0 -vv`` printed.

    pytest --durations=0 -vv > durations.txt
    python tests/measure_slow.py durations.txt

A test is slow where setup and call of any of its cases take half a second or more; what
is left answers within 90 seconds on two cores: ``pytest -m "not slow and not browser"``.
Tests that carry the mark ``slow`` in their file need no line.
"""

import re
import sys
from collections import Counter
from pathlib import Path

LEAST = 0.5
LIST = Path(__file__).with_name("slow.txt")
HEAD = """\
# Tests that take half a second or more (setup and call), as measured by
# tests/measure_slow.py; conftest.py marks them slow. Plain pytest runs them all.
"""


def slow(text: str, least: float = LEAST) -> list[str]:
    """Return the tests of a report of durations that are slow, without their cases."""
    seconds: Counter[str] = Counter()
    for line in text.splitlines():
        found = re.match(r"\s*([\d.]+)s (?:call|setup)\s+(\S.*?)\s*$", line)
        if found:
            seconds[found[2]] += float(found[1])
    return sorted({name.split("[")[0] for name, s in seconds.items() if s >= least})


if __name__ == "__main__":
    names = slow(Path(sys.argv[1]).read_text(encoding="utf-8", errors="replace"))
    LIST.write_text(HEAD + "\n".join(names) + "\n", encoding="utf-8")
