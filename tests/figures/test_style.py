"""Axes, fonts and files of every figure."""

import subprocess
import sys
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from figure_checks import check_layout
from figure_made import SIZES, simulated
from matplotlib import font_manager
from matplotlib.collections import LineCollection

from waistats import (
    ModelError,
    back_transform,
    figures,
    fit_meta,
)
from waistats.figures import _style as style
from waistats.figures._axes import alpha_label, alpha_labels, alpha_ticks

OF_MODELS = {
    "baujat": figures.baujat,
    "radial": figures.radial,
    "qq": figures.qq,
    "influence": figures.influence,
    "shrinkage": figures.shrinkage,
    "length": figures.length,
    "bubble": lambda r, **k: figures.bubble(r, "year", **k),
    "bubble_levels": lambda r, **k: figures.bubble(r, "rater", **k),
    "leave_one_out": figures.leave_one_out,
    "cumulative": lambda r, **k: figures.cumulative(r, order="year", **k),
}


class TestAxis:
    def test_ticks_stand_where_their_labels_say(self, models):
        for name in ("forest", "funnel", "caterpillar"):
            ax = getattr(figures, name)(models[30])
            places = ax.get_xticks()
            labels = [t.get_text() for t in ax.get_xticklabels()]
            assert len(labels) >= 3
            shown = [float(text) for text in labels]
            np.testing.assert_allclose(back_transform(places), shown, atol=1e-12)

    @pytest.mark.parametrize("measure", ["bonett", "hakstian-whalen", "fisher-z"])
    def test_ticks_are_apart_and_within(self, measure):
        ticks = alpha_ticks(0.5, 2.9, measure, 8)
        assert ticks == sorted(set(ticks))
        from waistats.measures import transform

        places = transform(ticks, measure)
        assert places.min() >= 0.5
        assert places.max() <= 2.9
        assert np.diff(places).min() >= 2.4 / 8 - 1e-12

    def test_labels_have_the_decimals_they_need(self):
        shown = [alpha_label(v) for v in (0.9, 0.29, 0.975, 0.9995, -0.5, 0)]
        assert shown == [".90", ".29", ".975", ".9995", "−.50", ".00"]

    def test_labels_of_one_axis_have_the_same_decimals(self):
        assert alpha_labels([0.9, 0.905, 0.91]) == [".900", ".905", ".910"]

    def test_a_raw_axis_is_even_in_alpha(self):
        ax = figures.forest(fit_meta(simulated(8, measure="raw")))
        assert ax.get_xlabel() == "Coefficient alpha"

    def test_an_unknown_scale_is_not_called_alpha(self):
        table = pd.DataFrame({"yi": [0.1, 0.4, 0.3], "vi": [0.02, 0.03, 0.01]})
        ax = figures.forest(fit_meta(table))
        assert ax.get_xlabel() == "Effect (scale not stated)"


class TestEveryFigure:
    @pytest.mark.parametrize("k", SIZES)
    @pytest.mark.parametrize("name", OF_MODELS)
    def test_nothing_is_cut_or_overlaps(self, models, name, k):
        ax = OF_MODELS[name](models[k])
        check_layout(ax)
        assert str(k) in figures.alt_text(ax)

    @pytest.mark.parametrize("name", OF_MODELS)
    def test_given_axes_are_used(self, models, name):
        _, ax = plt.subplots(figsize=(2.8, 2.3), layout="constrained")
        assert OF_MODELS[name](models[30], ax=ax) is ax
        check_layout(ax)
        assert len(plt.get_fignums()) == 1

    @pytest.mark.parametrize("name", OF_MODELS)
    def test_the_same_bytes_each_time(self, models, name):
        one, two = (figures.render(OF_MODELS[name](models[5])) for _ in range(2))
        assert one == two

    @pytest.mark.parametrize("name", OF_MODELS)
    def test_what_is_no_model_is_refused(self, name):
        with pytest.raises(ModelError, match="A fitted model is needed"):
            OF_MODELS[name]("model")


@pytest.mark.parametrize("weight", ["normal", "bold"])
@pytest.mark.parametrize("first", [False, True])
def test_the_font_is_matplotlibs_own(weight, first, monkeypatch, tmp_path):
    """A system's DejaVu Sans of another version would draw other bytes."""
    manager = font_manager.fontManager
    stem = "DejaVuSans-Bold" if weight == "bold" else "DejaVuSans"
    ours = Path(mpl.get_data_path(), "fonts", "ttf", f"{stem}.ttf")
    copy = tmp_path / ours.name
    copy.write_bytes(ours.read_bytes())
    number = 700 if weight == "bold" else 400
    system = font_manager.FontEntry(
        fname=str(copy), name=style.FONT, weight=number, size="scalable"
    )
    fonts = [system, *manager.ttflist] if first else [*manager.ttflist, system]
    monkeypatch.setattr(manager, "ttflist", fonts)
    manager._findfont_cached.cache_clear()
    own = font_manager.FontProperties(family=style.FONT, weight=weight)
    try:
        given = Path(font_manager.findfont(own))
        assert (given == copy) == first
        with style.drawing():
            assert Path(font_manager.findfont(own)) == ours
            assert style.text_width(["a"]) > 0
            assert Path(font_manager.findfont(own)) == ours
        # and the session has its fonts again
        assert manager.ttflist is fonts
        assert Path(font_manager.findfont(own)) == given
    finally:
        manager._findfont_cached.cache_clear()


class TestFiles:
    @pytest.mark.parametrize("format", ["svg", "png", "pdf"])
    def test_the_same_bytes_each_time(self, models, format):
        first = figures.render(figures.forest(models[5]), format, dpi=80)
        with mpl.rc_context({"font.size": 20, "axes.facecolor": "red"}):
            second = figures.render(figures.forest(models[5]), format, dpi=80)
        assert first == second
        assert b"Matplotlib v" not in first
        assert mpl.__version__.encode() not in first

    def test_save_writes_every_format_or_the_one_of_the_suffix(self, models, tmp_path):
        ax = figures.funnel(models[5])
        files = figures.save(ax, tmp_path / "fig.1")
        assert [f.name for f in files] == ["fig.1.svg", "fig.1.png", "fig.1.pdf"]
        assert [f.read_bytes()[:4] for f in files] == [b"<?xm", b"\x89PNG", b"%PDF"]
        only = figures.save(ax, tmp_path / "only.png", dpi=50)
        assert [f.name for f in only] == ["only.png"]
        assert figures.alt_text(ax)[:20].encode() in files[0].read_bytes()

    def test_unknown_format(self, models):
        with pytest.raises(ModelError, match="format must be one of 'svg'"):
            figures.render(figures.funnel(models[5]), "gif")

    def test_importing_figures_leaves_matplotlib_alone(self):
        code = "import sys, waistats.figures; sys.exit('matplotlib' in sys.modules)"
        assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# SIMULATED names as they come: long and alike, in other scripts, numbers
NAMES = {
    "alike": "Van der Something-Hyphenated, Montgomery-Fitzgerald & Oppenheim, sample {}",
    "scripts": "Łukasiewicz, Иванов & Παπαδόπουλος (2001) {}",
    "numbers": "{}",
}


class TestHardNames:
    @pytest.mark.parametrize(
        "name", ["baujat", "qq", "influence", "forest", "leave_one_out"]
    )
    @pytest.mark.parametrize("names", NAMES)
    @pytest.mark.parametrize("k", [3, 12])
    def test_nothing_is_cut_covered_or_alike(self, name, names, k):
        ids = [NAMES[names].format(i + 1) for i in range(k)]
        fit = fit_meta(simulated(k, study_id=ids))
        ax = getattr(figures, name)(fit)
        check_layout(ax)
        if name == "forest":
            shown = [t.get_text() for t in ax.get_yticklabels()]
            assert len({t for t in shown if t}) == k + 3

    def test_what_texts_share_is_cut_and_not_what_tells_them_apart(self):
        texts = [f"A long beginning of all names, part {i}" for i in range(3)]
        cut = style.shorten_apart(texts, [1.0] * 3)
        assert len(set(cut)) == 3
        assert all("…" in text for text in cut)
        assert [text[-1] for text in cut] == ["0", "1", "2"]
        assert style.shorten_apart(["A", "A"], [1.0, 1.0]) == ["A", "A"]


class TestManyPoints:
    def test_points_and_stems_of_many_leave_white_between_them(self):
        fit = fit_meta(simulated(400))
        panel = figures.influence(fit).child_axes[6]
        (stems,) = (c for c in panel.collections if isinstance(c, LineCollection))
        per_point = 72 * style.inches(panel)[0] / 400
        assert stems.get_linewidths()[0] < 0.6 * per_point
        (dots,) = figures.qq(fit).collections[1:]
        assert dots.get_sizes()[0] <= 4
        assert dots.get_linewidths()[0] == 0
        few = figures.bubble(fit_meta(simulated(60), "~ year"), "year")
        many = figures.bubble(fit_meta(simulated(400), "~ year"), "year")
        sizes = [
            next(
                c for c in ax.collections if c.get_label() == "coefficients"
            ).get_sizes()
            for ax in (few, many)
        ]
        assert sizes[1].max() < 0.3 * sizes[0].max()

    @pytest.mark.parametrize("k", [3, 12])
    def test_counts_have_no_halves(self, k):
        ax = figures.caterpillar(fit_meta(simulated(k)))
        ax.get_figure().canvas.draw()
        low, high = ax.get_ylim()
        shown = [v for v in ax.get_yticks() if low <= v <= high]
        assert shown == [round(v) for v in shown]
        assert len(shown) >= 2
