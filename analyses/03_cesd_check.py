"""Nine alphas of the CES-D, against metafor's results on them.

Question: do the models agree with the standard software?
Reads: the bundled table "cesd" (Bonett, 2010).
Writes: output/03_cesd.csv.
"""

# %%
from pathlib import Path

import pandas as pd

import waistats as ws

OUTPUT = Path(__file__).parent / "output"
MEASURES = ("bonett", "hakstian-whalen", "raw")


def main() -> None:
    OUTPUT.mkdir(exist_ok=True)
    table = ws.load_dataset("cesd")
    # %% One model on each scale
    rows = []
    for measure in MEASURES:
        fit = ws.fit_meta(ws.effect_sizes(table, measure=measure))
        rows.append(
            {"measure": measure, "tau2": fit.tau2} | dict(fit.predict().iloc[0])
        )
        if measure == "bonett":
            print(fit)
            print(fit.heterogeneity_intervals())
    frame = pd.DataFrame(rows)
    frame.to_csv(OUTPUT / "03_cesd.csv", index=False)
    print(frame.round(4).to_string(index=False))


if __name__ == "__main__":
    main()
