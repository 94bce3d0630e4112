"""Human responses of 74 sites, from items to pooled alpha.

Question: how much does the reliability of the Satisfaction With Life Scale differ
between sites?
Reads: the open data set "manylabs/data_2.12.1" through fetch_dataset().
Writes: output/04_alphas.csv, output/04_caterpillar.svg.
"""

# %%
from pathlib import Path

import matplotlib as mpl

import waistats as ws

OUTPUT = Path(__file__).parent / "output"


def main() -> None:
    mpl.use("Agg")
    OUTPUT.mkdir(exist_ok=True)
    # %% Items: 6,905 people, five items answered 1 to 7
    responses = ws.fetch_dataset("manylabs/data_2.12.1")
    items = [name for name in responses if name.startswith("and1.3")]

    # %% Alpha of each site
    alphas = ws.reliability_by_study(responses, study="g", items=items)
    alphas.to_csv(OUTPUT / "04_alphas.csv", index=False)

    # %% Pool
    fit = ws.fit_meta(ws.effect_sizes(alphas))
    print(fit)
    ws.figures.save(ws.figures.caterpillar(fit), OUTPUT / "04_caterpillar.svg")


if __name__ == "__main__":
    main()
