"""From a table or from answers to a whole report: processor time, memory and size.

Each line is a process of its own, libraries and their start included. Above 2,000
coefficients the page shows what can be read: figures of bins or of a random part, the
first rows of long tables, and says what it left out. Data are SIMULATED.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

CHILD = """
import sys, time
sys.path.insert(0, sys.argv[3])
import numpy as np
import waistats as ws
from growth import answers, coefficients
from memory import peak_mb

what, size = sys.argv[1], int(sys.argv[2])
if what == "coefficients":
    table = coefficients(size).assign(coefficient_type="alpha", provenance="SIMULATED")
    start = time.process_time()
else:
    import pandas as pd
    frame = pd.DataFrame(answers(20 * size).astype("int8")).add_prefix("q")
    frame = frame.assign(site=np.repeat(np.arange(size), 20), provenance="SIMULATED")
    frame.to_parquet(sys.argv[4] + "/answers.parquet")
    start = time.process_time()
    table = ws.reliability_by_study(
        sys.argv[4] + "/answers.parquet", study="site", items="q",
        accept=("negative_alpha",),
    )
study = ws.generalize(table)
middle = time.process_time()
study.report(sys.argv[4] + "/report.html")
end = time.process_time()
print(middle - start, end - middle, peak_mb())
"""
CASES = (
    ("coefficients", 300),
    ("coefficients", 3_000),
    ("coefficients", 100_000),
    ("studies of 20 x 12 answers", 20_000),
)


def main() -> None:
    """Print a line a case."""
    here = str(Path(__file__).parent)
    print(f"{'':<36} {'to the study':>14} {'its report':>12} {'memory':>9} {'page':>9}")
    for what, size in CASES:
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run(
                [
                    sys.executable,
                    "-W",
                    "ignore",
                    "-c",
                    CHILD,
                    what,
                    str(size),
                    here,
                    folder,
                ],
                capture_output=True,
                text=True,
                check=True,
            )
            page = (Path(folder) / "report.html").stat().st_size / 1e6
        study, report, memory = map(float, done.stdout.split()[-3:])
        print(
            f"{size:>8,} {what:<27} {study:12.1f} s {report:10.1f} s {memory:6.0f} MB "
            f"{page:6.1f} MB"
        )


if __name__ == "__main__":
    main()
