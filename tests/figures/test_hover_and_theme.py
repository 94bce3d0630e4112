"""What points say in SVG, and figures in the themes of journals."""

import re

import pandas as pd
import pytest
from lxml import etree
from matplotlib.text import Text

from waistats import ModelError, effect_sizes, figures, fit_meta, load_dataset
from waistats.figures._style import figure_of


@pytest.fixture(scope="module")
def fit():
    table = load_dataset("cesd").assign(doi="10.1000/x-1")
    table["study_id"] = [f"A & <b>{i}" for i in range(len(table))]
    return fit_meta(effect_sizes(table))


@pytest.mark.parametrize("name", ["forest", "funnel", "caterpillar", "influence"])
def test_every_point_says_study_value_and_source(fit, name):
    svg = figures.render(getattr(figures, name)(fit)).decode("utf-8")
    tree = etree.fromstring(svg.encode("utf-8"))
    titles = [t.text for t in tree.iter("{*}title")]
    said = [t for t in titles if t.startswith("A & <b>")]
    assert {t.split(":")[0] for t in said} == {f"A & <b>{i}" for i in range(9)}
    if name != "influence":
        first = next(t for t in said if t.startswith("A & <b>0"))
        value = fit.effects.table["estimate"].iloc[0]
        assert f": {value:.2f}".replace("0.", ".") in first
        assert first.endswith(f"n = {fit.effects.table['n'].iloc[0]:.0f}. 10.1000/x-1")


def test_the_same_bytes_with_what_points_say(fit):
    drawn = figures.forest(fit)
    assert figures.render(drawn) == figures.render(drawn)


def colours(svg):
    return {c.lower() for c in re.findall(r"#[0-9a-fA-F]{6}", svg)}


@pytest.mark.parametrize("theme", ["grey", "apa"])
def test_themes_have_greys_alone_and_leave_the_figure_as_it_was(fit, theme):
    drawn = figures.forest(fit)
    before = figures.render(drawn)
    grey = figures.render(drawn, theme=theme).decode("utf-8")
    assert all(c[1:3] == c[3:5] == c[5:7] for c in colours(grey))
    assert not all(c[1:3] == c[3:5] == c[5:7] for c in colours(before.decode("utf-8")))
    assert figures.render(drawn) == before
    if theme == "apa":
        assert "#000000" in colours(grey)


def test_themes_are_known_by_name(fit, tmp_path):
    drawn = figures.forest(fit)
    with pytest.raises(ModelError, match="theme"):
        figures.render(drawn, theme="gray scale")
    (path,) = figures.save(drawn, tmp_path / "f.svg", theme="grey")
    assert path.read_bytes() == figures.render(drawn, theme="grey")


def test_studies_are_called_by_their_authors_and_never_by_a_bare_number():
    table = pd.DataFrame(
        {
            "study_id": ["1", "2", "2", "3", "4"],
            "coefficient_id": ["1", "2", "3", "4", "5"],
            "authors": ["Li, X.; Roe, J.", "", "", "(not shown)", "Li, X.; Roe, J."],
            "year": [2001, 2002, 2002, 2003, 2001],
            "estimate": [0.9, 0.8, 0.85, 0.88, 0.91],
            "n": 100,
            "n_items": 12,
        }
    )
    drawn = figures.forest(fit_meta(effect_sizes(table)))
    texts = {t.get_text() for t in figure_of(drawn).findobj(Text)}
    assert {"Li & Roe (2001) (1)", "Li & Roe (2001) (4)", "Study 3"} <= texts
    assert {"Study 2, no. 2", "Study 2, no. 3"} <= texts
    assert "2, 3" not in texts
