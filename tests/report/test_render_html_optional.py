"""A report without the libraries that a browser build would lack."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
# a finder that knows neither pingouin nor pyreadstat, as if they were not installed
SCRIPT = """
import sys, warnings
warnings.simplefilter("error")
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"pingouin", "pyreadstat"}:
            raise ModuleNotFoundError(name, name=name)
sys.meta_path.insert(0, Absent())
import waistats as ws
study = ws.generalize(ws.load_dataset("wai"))
study.report("report.html")
study.report("short.html", short=True)
for method in ("pearson", "spearman"):
    frame = ws.correlates(study.main_rows, method=method)
    frame.to_csv(f"{method}.csv", index=False)
assert not {"pingouin", "pyreadstat"} & set(sys.modules)
"""


def test_a_report_needs_neither_pingouin_nor_pyreadstat(tmp_path):
    import numpy as np
    import pandas as pd

    import waistats as ws

    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "report.html").stat().st_size > 100_000
    rows = ws.generalize(ws.load_dataset("wai")).main_rows
    for method in ("pearson", "spearman"):
        found = pd.read_csv(tmp_path / f"{method}.csv")
        wanted = ws.correlates(rows, method=method)
        assert wanted["p_value"].notna().sum() > 3
        for name in ("estimate", "p_value", "ci_low", "ci_high", "p_adjusted"):
            np.testing.assert_allclose(
                found[name], wanted[name], rtol=1e-10, atol=1e-12
            )
