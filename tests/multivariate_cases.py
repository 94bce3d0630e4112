"""Tables of several outcomes a study, with what metafor finds in them."""

import json
from pathlib import Path

import numpy as np
import pandas as pd

import waistats as ws
from waistats import MultivariateResult

REFERENCE = json.loads(
    (Path(__file__).parent / "reference" / "multivariate_metafor.json").read_text()
)
SETS = ("berkey1998", "simulated_scales")


def table(name: str) -> tuple[pd.DataFrame, np.ndarray]:
    data = pd.DataFrame(REFERENCE[name]["data"])
    data = data.rename(columns={"study": "study_id"})
    data["coefficient_id"] = [str(i) for i in range(len(data))]
    return data, np.array(REFERENCE[name]["V"])


def fitted(name: str, **options: object) -> MultivariateResult:
    data, V = table(name)
    return ws.fit_multivariate(data, outcome="outcome", V=V, **options)
