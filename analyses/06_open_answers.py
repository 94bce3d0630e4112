"""Human answers to the WAI-SR: alpha and omega by condition, reported and recomputed.

Question: what do the open answers of Meyer and Elsweiler give, within each condition
and over both, and do they agree with the bundled table?
Reads: the open data set "meyer_wai_sr" through fetch_dataset() (CC BY-NC-SA 4.0, not
shipped), the bundled tables "wai" and "wai_recomputed".
Writes: output/06_alphas.csv, output/06_reported_recomputed.csv.
"""

# %%
from pathlib import Path

import pandas as pd

import waistats as ws

OUTPUT = Path(__file__).parent / "output"
PASSED = "Stimme überhaupt nicht zu"


def main() -> None:
    OUTPUT.mkdir(exist_ok=True)
    # %% Answers: whoever passed the attention check
    responses = ws.fetch_dataset("meyer_wai_sr")
    print(f"{responses.attrs['citation']} Licence: {responses.attrs['licence']}.")
    passed = responses[responses["attention_check"] == PASSED]
    print(f"{len(passed)} of {len(responses)} people pass the attention check.")

    # %% Alpha and omega, within conditions and over both
    groups = pd.concat([passed, passed.assign(condition="all")], ignore_index=True)
    tables = [
        ws.reliability_by_study(
            groups, study="condition", instrument="WAI-SR", coefficient=kind
        )
        for kind in ("alpha", "omega_total")
    ]
    found = pd.concat(tables, ignore_index=True)
    found.to_csv(OUTPUT / "06_alphas.csv", index=False)
    shown = found.pivot_table(
        index=["study_id", "scale"], columns="coefficient_type", values="estimate"
    )
    print(shown.round(3).to_string())

    # %% What the table holds, and what the answers give
    alphas = found[found["coefficient_type"] == "alpha"]
    known = ws.load_dataset("wai_recomputed").query("study_id == 'Meyer2023'")
    both = known.merge(
        alphas[["study_id", "scale", "estimate"]].rename(columns={"study_id": "group"}),
        on=["group", "scale"],
    ).rename(columns={"recomputed": "in_table", "estimate": "here"})
    both["difference"] = both["here"] - both["in_table"]
    columns = ["group", "scale", "n", "reported", "in_table", "here", "difference"]
    both[columns].to_csv(OUTPUT / "06_reported_recomputed.csv", index=False)
    print(both[columns].round(4).to_string(index=False))


if __name__ == "__main__":
    main()
