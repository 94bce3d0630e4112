"""The published coefficients of the WAI: describe, pool, draw.

Question: how reliable are WAI scores in the studies that open pages show?
Reads: the bundled table "wai".
Writes: output/01_cells.csv, output/01_forest.svg, output/01_report.html.
"""

# %%
from pathlib import Path

import matplotlib as mpl

import waistats as ws

OUTPUT = Path(__file__).parent / "output"


def main() -> None:
    mpl.use("Agg")
    OUTPUT.mkdir(exist_ok=True)
    # %% Describe: cells of version, rater and scale, unweighted
    study = ws.generalize(
        ws.load_dataset("wai"), title="Working Alliance Inventory scores"
    )
    study.descriptives.to_csv(OUTPUT / "01_cells.csv", index=False)
    print(study.stem_and_leaf)

    # %% Pool: three levels, since studies give several coefficients
    print(study.overall)
    print(study.overall.robust())

    # %% Draw and report
    ws.figures.save(ws.figures.forest(study.overall), OUTPUT / "01_forest.svg")
    study.report(OUTPUT / "01_report.html")
    print(study.sentence())


if __name__ == "__main__":
    main()
