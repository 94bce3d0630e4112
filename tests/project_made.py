"""SIMULATED coding sheets for the folder of a study."""

from waistats import simulate_literature


def coding_sheet():
    """Return a SIMULATED coding sheet of coefficients of own samples."""
    table = simulate_literature(40, seed=3).table
    return table[table["reliability_status"] == "reported_own"].reset_index(drop=True)


def fill(folder, rows, name="first"):
    rows.to_csv(folder / "coding" / f"{name}.csv", index=False)
