"""What points say in SVG, and figures in the themes of journals."""

import io
import re

import numpy as np
import pandas as pd
import pytest
from lxml import etree
from matplotlib import image
from matplotlib.text import Text

from waistats import (
    ModelError,
    effect_sizes,
    figures,
    fit_meta,
    generalize,
    load_dataset,
)
from waistats.figures._style import figure_of
from waistats.figures._theme import themed


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


@pytest.mark.parametrize("name", ["gosh", "traffic_light", "box", "cells", "items"])
def test_no_colour_is_left_in_grey(name, items):
    """Pictures made of cells, lights and bars too."""
    table = load_dataset("cesd").assign(instrument="CES-D", rater="self", scale="total")
    rated = table.assign(unidim_checked=[True, False, None] * 3)
    draw = {
        "gosh": lambda: figures.gosh(fit_meta(effect_sizes(table))),
        "traffic_light": lambda: figures.traffic_light(rated),
        "box": lambda: figures.box(table, by="instrument"),
        "cells": lambda: figures.cells(generalize(table)),
        "items": lambda: figures.items(items),
    }
    png = figures.render(draw[name](), "png", dpi=60, theme="grey")
    shown = image.imread(io.BytesIO(png))[..., :3]
    assert np.ptp(shown, axis=2).max() < 0.02


def test_grades_differ_in_grey_and_by_a_sign():
    sheet = pd.DataFrame({"study_id": [f"S{i}" for i in range(60)], "estimate": 0.9})
    sheet["unidim_checked"] = [True, False, None] * 20
    sheet["per_subscale_reported"] = [True, False] * 30
    ax = figures.traffic_light(sheet)
    greys = {}
    with themed(figure_of(ax), "grey"):
        for bar in ax.patches:
            if bar.get_width():
                greys[bar.get_facecolor()] = True
        lights = sorted(colour[0] for colour in greys)
    assert len(lights) >= 2
    assert np.diff(lights).min() > 0.12
    assert {t.get_text()[0] for t in ax.texts} <= set("+?−0123456789")
    assert any(t.get_text()[0] in "+?−" for t in ax.texts)


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
    assert {"Li & Roe (2001), study 1", "Li & Roe (2001), study 4", "Study 3"} <= texts
    assert {"Study 2, no. 2", "Study 2, no. 3"} <= texts
    assert "2, 3" not in texts
