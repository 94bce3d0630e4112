"""Forest plots of a report with columns and groups that the user chose."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text

from waistats import ModelError, figures, fit_multilevel, generalize
from waistats._caller import TERMINAL, calling
from waistats.report.blocks import Code, figures_of
from waistats.report.forest import MOST, checked_forest
from waistats.report.sections import study_sections


def simulated(k):
    """Return a SIMULATED table of one coefficient per study, some without a country."""
    rng = np.random.default_rng(k)
    return pd.DataFrame(
        {
            "study_id": [f"Study {i}" for i in range(k)],
            "scale": "total",
            "estimate": rng.uniform(0.75, 0.95, k).round(3),
            "n": rng.integers(40, 300, k),
            "n_items": 12,
            "country": [("Chile", "Ghana", None)[i % 3] for i in range(k)],
            "provenance": "SIMULATED",
        }
    )


@pytest.fixture(scope="module")
def study():
    return generalize(simulated(12))


def drawn(study, **options):
    forest = checked_forest(study, **options)
    sections = study_sections(study, keep={"pooled", "again"}, forest=forest)
    (figure,) = [f for f in figures_of(sections) if f.name == "forest"]
    (code,) = [b for s in sections for b in s.blocks if isinstance(b, Code)][:1]
    return figure, code.text, forest


def texts(figure):
    """Return the texts of a drawn figure."""
    return [text.get_text() for text in figure.findobj(Text)]


def test_columns_and_groups_are_drawn_and_in_the_code(study):
    figure, code, forest = drawn(
        study, columns=["country", "n", "estimate"], by="country"
    )
    assert "by Country" in figure.caption
    assert code.endswith(
        "study.report(\"report.html\", forest_columns=['country', 'n', "
        "'estimate'], forest_by='country')\n"
    )
    assert forest.by == "country"
    said = texts(figure.drawing.figure)
    assert {"Country", "n", "Chile", "Ghana", "Mean of Chile (k = 4)"} <= set(said)
    # rows without a value are a group, not lost
    assert "Mean of not reported (k = 4)" in said
    assert "Weight" not in said
    assert any("Difference between groups: F(2, " in text for text in said)


def test_nothing_chosen_is_the_plot_as_it_was(study):
    figure, code, _ = drawn(study)
    assert figure.caption.startswith("Forest Plot of the Overall Model (")
    assert code.endswith('study.report("report.html")\n')
    assert {"n", "Items", "Weight"} <= set(texts(figure.drawing.figure))


def test_groups_of_dependent_coefficients_have_three_levels():
    table = pd.concat([simulated(10).assign(rater=r) for r in ("client", "therapist")])
    table["estimate"] += np.repeat([0.0, 0.02], 10)
    study = generalize(table)
    figure, _, _ = drawn(study, by="rater")
    said = texts(figure.drawing.figure)
    fit = fit_multilevel(study.main_rows, "~ rater")
    F, df = fit.omnibus.statistic, fit.omnibus.df_denominator
    (test,) = [text for text in said if "Difference between groups" in text]
    assert f"F(1, {df:.1f}) = {F:.2f}".replace(".0)", ")") in test


def test_columns_without_room_are_named():
    table = simulated(5).assign(
        **{f"long_name_of_column_{i}": "a long value of a column" for i in range(5)}
    )
    names = [f"long_name_of_column_{i}" for i in range(5)]
    said = texts(figures.forest(generalize(table), columns=names).figure)
    assert any("No room for the columns: " in text for text in said)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"columns": ["cuontry", "x"]}, r"'cuontry' \(did you mean 'country'.*'x'"),
        ({"columns": "country"}, "takes a sequence"),
        ({"by": "kountry"}, r"forest_by=.*did you mean 'country'"),
        ({"by": "scale"}, "one scale only"),
    ],
)
def test_what_the_table_does_not_have_is_refused(study, options, message):
    with pytest.raises(ModelError, match=message):
        checked_forest(study, **options)


def test_a_refusal_lists_the_columns_in_the_callers_words(study, tmp_path):
    with (
        calling(TERMINAL),
        pytest.raises(ModelError, match=r"^--forest-columns: .*Columns: estimate, wei"),
    ):
        checked_forest(study, columns=["x"])
    with pytest.raises(ModelError, match="'x'"):
        study.report(tmp_path / "report.html", forest_columns=["x"])
    assert not list(tmp_path.iterdir())


def test_too_many_rows_are_a_caterpillar_that_says_so():
    study = generalize(simulated(MOST + 1))
    figure, _, _ = drawn(study, columns=["n"])
    assert figure.caption.startswith("Caterpillar Plot")
    assert f"up to {MOST}" in " ".join([figure.caption, figure.note])
