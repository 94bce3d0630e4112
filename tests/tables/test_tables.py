import csv
import io
import subprocess
import sys
import warnings
import zipfile

import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text

from waistats import DataError, ModelError, effect_sizes, figures, fit_meta, tables
from waistats._labels import term_text
from waistats.meta.multilevel.fit import fit_multilevel
from waistats.practice import practice_table, predict_reliability
from waistats.reliability.alpha import cronbach_alpha
from waistats.reliability.items import item_statistics
from waistats.rg.generalize import generalize
from waistats.sensitivity.deletion import leave_one_out
from waistats.sensitivity.multiverse import multiverse
from waistats.sensitivity.selection import threshold_selection
from waistats.sensitivity.small_study import egger_test, pet_peese, rank_test
from waistats.sensitivity.trim_and_fill import trim_and_fill
from waistats.tables._build import spec
from waistats.tables._excel import number_format
from waistats.tables._gt import spec_of, to_gt
from waistats.tables._typeset import plain, sentence


class Contents:
    """The texts of a table."""

    def __init__(self, table):
        said = spec_of(table)
        rows = said.rows()
        self.title, self.heads, self.right = said.caption, said.heads, said.numeric
        self.notes = [f"Note. {said.note}"] if said.note else []
        self.rows = []
        for group, places in said.grouped():
            self.rows += [[group]] if group is not None else []
            self.rows += [rows[i] for i in places]


def read_contents(table):
    return Contents(table)


def sheet(frame, **options):
    return to_gt(spec(frame, explain=False, **options))


def coefficients(k=12, seed=2, **columns):
    """Coefficients of a SIMULATED set of studies."""
    rng = np.random.default_rng(seed)
    n, n_items = rng.integers(40, 300, k), rng.choice([12, 36], k)
    table = pd.DataFrame(
        {
            "study_id": [f"S{i // 2}" for i in range(k)],
            "coefficient_id": [str(i) for i in range(k)],
            "estimate": 1 - np.exp(-rng.normal(2.2, 0.3, k)),
            "n": n,
            "n_items": n_items,
            "rater": np.tile(["client", "therapist"], k)[:k],
            "year": 1990 + np.arange(k),
            "provenance": "SIMULATED",
        }
    )
    return effect_sizes(table.assign(**columns))


@pytest.fixture(scope="module")
def model():
    return fit_meta(coefficients())


@pytest.fixture(scope="module")
def moderated():
    return fit_meta(coefficients(), "~ rater + np.log(n_items)")


@pytest.fixture(scope="module")
def multilevel():
    return fit_multilevel(coefficients())


@pytest.fixture(scope="module")
def study():
    table = coefficients(40, instrument="WAI-SR", scale="total")
    return generalize(table.drop(columns=["measure", "yi", "vi"]))


def cells_of(table):
    contents = read_contents(table)
    return [dict(zip(contents.heads, row, strict=True)) for row in contents.rows]


class TestModels:
    def test_pooled_shows_the_prediction(self, model):
        (row,) = cells_of(tables.pooled(model))
        expected = model.predict().iloc[0]
        assert row["k"] == "12"
        assert row["Studies"] == "6"
        assert row["α"] == f"{expected.estimate:.2f}".lstrip("0")
        low, high = (f"{expected[c]:.2f}".lstrip("0") for c in ("pi_low", "pi_high"))
        assert row["95% PI"] == f"[{low}, {high}]"
        assert row["τ²"] == f"{model.tau2:.3f}"

    def test_notes_come_from_the_model(self, model):
        note = " ".join(read_contents(tables.pooled(model)).notes)
        assert note.startswith("Note. k = number of coefficients; CI")
        assert "Random-effects model, REML, on the Bonett scale, Knapp–Hartung" in note
        assert note.endswith("The data are SIMULATED.")
        plain = fit_meta(coefficients(provenance="primary"))
        assert "SIMULATED" not in " ".join(read_contents(tables.pooled(plain)).notes)

    def test_pooled_of_several_models_names_each(self, model, multilevel):
        table = tables.pooled({"one level": model, "three levels": multilevel})
        contents = read_contents(table)
        assert [row[0] for row in contents.rows] == ["one level", "three levels"]
        assert "three levels: Random-effects model with levels study_id and" in str(
            contents.notes
        )

    def test_models_with_moderators_have_no_pooled_row(self, moderated):
        with pytest.raises(ModelError, match="without moderators"):
            tables.pooled(moderated)

    def test_coefficients(self, moderated):
        rows = cells_of(tables.coefficients(moderated))
        frame = moderated.to_frame()
        assert [row["Term"] for row in rows] == [
            "Intercept",
            "rater: therapist",
            "log number of items",
        ]
        assert [row["b"] for row in rows] == [f"{b:.3f}" for b in frame["estimate"]]
        assert rows[1]["df"] == "9"
        assert rows[1]["p"].startswith(".")

    def test_normal_tests_have_z_and_no_df(self):
        model = fit_meta(coefficients(), small_sample="wald")
        (row,) = cells_of(tables.coefficients(model))
        assert "z" in row
        assert "df" not in row

    def test_robust_coefficients(self, multilevel):
        table = tables.coefficients(multilevel.robust())
        assert "(CR2) with Satterthwaite degrees of freedom, 6 clusters" in str(
            read_contents(table).notes
        )

    def test_moderators_in_units_of_alpha(self, moderated):
        rows = cells_of(tables.moderators(moderated))
        frame = moderated.alpha_effects()
        assert [row["α"] for row in rows] == [
            f"{v:.2f}".lstrip("0") for v in frame["estimate"]
        ]
        assert rows[0]["Change in α"] == "–"

    def test_heterogeneity_and_components(self, model, multilevel):
        rows = cells_of(tables.heterogeneity(model))
        assert [row[""] for row in rows] == ["τ²", "τ", "I² (%)", "H²"]
        assert rows[2]["Estimate"] == f"{model.I2:.1f}"
        levels = cells_of(tables.components(multilevel))
        assert [row["Level"] for row in levels] == ["Study", "Coefficient"]
        assert [row["Groups"] for row in levels] == ["6", "12"]
        with pytest.raises(ModelError, match="fit_multilevel"):
            tables.components(model)

    def test_excluded_rows_keep_their_reason(self):
        table = coefficients()
        table.loc[3, ["yi", "vi"]] = np.nan
        model = fit_meta(table.assign(reason=["", "", "", "a <range>", *[""] * 8]))
        (row,) = cells_of(tables.excluded(model))
        assert row["Reason"] == "a <range>"
        assert "1 coefficient could not be pooled" in str(
            read_contents(tables.pooled(model)).notes
        )

    def test_what_is_no_model_is_refused(self):
        with pytest.raises(ModelError, match="A fitted model is needed"):
            tables.heterogeneity("model")


class TestStudies:
    def test_studies_leave_out_what_is_blank_or_the_same(self):
        effects = coefficients(instrument="WAI-SR", language=None)
        contents = read_contents(tables.studies(effects))
        assert contents.heads == ["Study", "Year", "Rater", "n", "Items", "α"]
        assert "All rows: instrument: WAI-SR." in contents.notes[0]
        assert contents.notes[0].endswith("The data are SIMULATED.")
        assert len(contents.rows) == 12

    def test_studies_of_chosen_columns(self):
        contents = read_contents(tables.studies(coefficients(), columns=["year", "n"]))
        assert contents.rows[0][0] == "1990"
        with pytest.raises(DataError, match="lacks colour"):
            tables.studies(coefficients(), columns=["colour"])

    def test_authors_stand_for_the_study_unless_one_is_unknown(self):
        named = coefficients(authors=[f"Author {i}" for i in range(12)])
        assert read_contents(tables.studies(named)).heads[0] == "Authors"
        unknown = named.assign(authors=["(not stated)", *named["authors"][1:]])
        assert read_contents(tables.studies(unknown)).heads[0] == "Study"

    def test_descriptives(self, model):
        effects = coefficients()
        rows = cells_of(tables.descriptives(effects, by=("rater",)))
        client = effects.loc[effects["rater"] == "client", "estimate"]
        assert rows[0]["Rater"] == "client"
        assert rows[0]["M"] == f"{client.mean():.2f}".lstrip("0")
        assert rows[0]["Mdn"] == f"{client.median():.2f}".lstrip("0")

    def test_a_whole_study(self, study):
        for make in (
            tables.pooled,
            tables.descriptives,
            tables.levels,
            tables.screen,
            tables.correlates,
            tables.studies,
            tables.excluded,
        ):
            contents = read_contents(make(study))
            assert contents.title
            assert "provenance" not in " ".join(contents.heads).lower()
        row = study.cells.dropna(subset="estimate").iloc[0]
        shown = cells_of(tables.pooled(study))[study.cells.index.get_loc(row.name)]
        assert shown["α"] == f"{row['estimate']:.2f}".lstrip("0")

    def test_the_pooled_row_of_a_study_has_its_robust_interval(self, study):
        row = study.pooled.row()
        (shown,) = cells_of(tables.pooled({"All": study}))
        low, high = (f"{row[c]:.2f}".lstrip("0") for c in ("ci_low", "ci_high"))
        assert study.pooled.robust is not None
        assert shown["95% CI"] == f"[{low}, {high}]"

    def test_reliability_and_items(self):
        rng = np.random.default_rng(1)
        answers = pd.DataFrame(rng.normal(size=(80, 1)) + rng.normal(size=(80, 6)))
        whole, half = cronbach_alpha(answers), cronbach_alpha(answers.iloc[:, :3])
        contents = read_contents(tables.reliability({"all": whole, "half": half}))
        assert [row[0] for row in contents.rows] == ["all", "half"]
        assert contents.rows[0][2] == f"{whole.estimate:.2f}".lstrip("0")
        assert "Confidence intervals: feldt." in contents.notes[0]
        assert read_contents(tables.reliability(whole)).rows
        frame = item_statistics(np.clip(np.round(answers + 3), 1, 5))
        heads = read_contents(tables.items(frame)).heads
        assert heads[:3] == ["Item", "M", "SD"]
        with pytest.raises(ModelError, match="needs estimates"):
            tables.reliability([1, 2])


class TestSensitivity:
    def test_refits_of_a_model_and_of_a_frame(self, model):
        one = read_contents(tables.leave_one_out(model))
        frame = leave_one_out(model, back_transform=True)
        assert one.rows == read_contents(tables.leave_one_out(frame)).rows
        assert one.rows[0][1] == f"{frame['estimate'].iloc[0]:.3f}".lstrip("0")
        rows = cells_of(tables.cumulative(model, "year"))
        assert [row["Order"] for row in rows][:2] == ["1990", "1991"]
        with pytest.raises(DataError, match="back_transform=True"):
            tables.leave_one_out(leave_one_out(model))

    def test_influence(self, model):
        rows = cells_of(tables.influence(model))
        assert rows[0]["Influential"] in {"yes", "no"}
        assert rows[0]["Weight (%)"] == f"{model.weight_shares()[0]:.1f}"

    def test_subgroups(self, model):
        contents = read_contents(tables.subgroups(model, "rater"))
        assert [row[:2] for row in contents.rows] == [
            ["client", "6"],
            ["therapist", "6"],
        ]
        assert "Difference: F(1, 10) = " in contents.notes[0]

    def test_small_study(self, model):
        table = tables.small_study(
            egger_test(model),
            rank_test(model),
            pet_peese(model),
            trim_and_fill(model),
            threshold_selection(model, threshold=0.88),
        )
        rows = cells_of(table)
        assert [row["Method"] for row in rows][2:4] == ["PET-PEESE", "Trim and fill"]
        assert rows[0]["Finding"].startswith("t(")
        filled = trim_and_fill(model).fit.predict()["estimate"].iloc[0]
        assert rows[3]["Pooled value [CI]"].startswith(f"{filled:.2f}".lstrip("0"))
        with pytest.raises(ModelError, match="does not know a str"):
            tables.small_study("egger")
        with pytest.raises(ModelError, match="needs results"):
            tables.small_study()

    def test_multiverse(self):
        plain = coefficients().drop(columns=["measure", "yi", "vi"])
        found = multiverse(plain, measures=("bonett", "raw"), models=("REML", "CE"))
        contents = read_contents(tables.multiverse(found))
        several = found.choices()["options"] > 1
        assert 0 < len(contents.rows) == several.sum()
        assert found.sentence().split(".")[0] in contents.notes[0]

    def test_practice(self, model):
        frame = practice_table(model)
        rows = cells_of(tables.practice(frame))
        people = next(r for r in rows if r["Quantity"].startswith("n for an interval"))
        assert people["Estimate"].replace(",", "").isdigit()
        assert rows[0]["Estimate"] == f"{frame['estimate'].iloc[0]:.2f}".lstrip("0")


class TestAnything:
    def test_any_result_and_any_frame(self, model, multilevel):
        for result in (
            model,
            multilevel,
            multilevel.robust(),
            model.omnibus,
            egger_test(model),
            predict_reliability(model, n=100),
            model.heterogeneity_intervals(),
            model.predict(),
        ):
            contents = read_contents(tables.table(result))
            assert contents.rows
            assert contents.heads

    def test_scale_is_told_by_the_standard_error(self, model):
        (row,) = cells_of(tables.table(model))
        assert row["Estimate"] == f"{model.estimate:.3f}"
        (row,) = cells_of(tables.table(model.predict()))
        assert row["Estimate"].startswith(".")

    def test_what_is_no_result_is_refused(self):
        with pytest.raises(ModelError, match="shows results and frames; got int"):
            tables.table(3)


NASTY = pd.DataFrame(
    {
        "study_id": ["=1+1", "+2", "@x", "-a", "A & B <i>", "100% _$", "[x]"],
        "estimate": [0.91, -0.12, 1.0, np.nan, 0.996, 0.5, 0.0],
        "n": [1234, 5, 60, 70, 80, 90, 100],
    }
)


@pytest.fixture
def nasty():
    return sheet(NASTY, name="nasty", caption="A <title> & more", notes=["x < y", ""])


class TestFiles:
    def test_the_same_bytes_each_time(self, model, tmp_path):
        for suffix in ("html", "csv", "tex", "xlsx", "docx"):
            paths = [tmp_path / f"{i}.{suffix}" for i in "ab"]
            for path in paths:
                tables.save_table(tables.pooled(model), path)
            assert paths[0].read_bytes() == paths[1].read_bytes()

    def test_html_escapes_what_was_given(self, nasty, tmp_path):
        page = tables.save_table(nasty, tmp_path / "t.html").read_text(encoding="utf-8")
        assert "A &amp; B &lt;i&gt;" in page
        assert "A &lt;title&gt; &amp; more" in page
        assert "<i>Note.</i> x &lt; y" in page
        assert 'id="waistats-nasty"' in page
        assert "http" not in page.replace("http://www.w3.org", "")

    def test_contents_survive_the_way_through_html(self, nasty):
        contents = read_contents(nasty)
        assert contents.title == "A <title> & more"
        assert contents.heads == ["Study", "Estimate", "N"]
        assert contents.right == [False, True, True]
        assert [row[0] for row in contents.rows] == list(NASTY["study_id"])
        assert contents.rows[0] == ["=1+1", ".910", "1,234"]
        assert contents.notes == ["Note. x < y"]

    def test_csv_runs_no_formula(self, nasty, tmp_path):
        path = tables.save_table(nasty, tmp_path / "t.csv")
        assert path.read_bytes().startswith(b"\xef\xbb\xbf")
        rows = list(csv.reader(io.StringIO(path.read_text(encoding="utf-8-sig"))))
        assert [row[0] for row in rows[1:5]] == ["'=1+1", "'+2", "'@x", "'-a"]
        assert rows[2][1] == "-.120"

    def test_xlsx_opens_with_numbers_and_no_formula(self, nasty, tmp_path):
        from openpyxl import load_workbook

        path = tables.save_table(nasty, tmp_path / "t.xlsx")
        book = load_workbook(path)
        page = book.active
        assert page["A1"].value == "A <title> & more"
        assert [cell.value for cell in page[2]] == ["Study", "Estimate", "N"]
        assert page["A3"].value == "=1+1"
        assert page["A3"].data_type == "s"
        assert page["B3"].value == pytest.approx(0.91)
        assert page["B3"].number_format == ".000"
        assert page["C3"].value == 1234
        assert page["B6"].value == "–"
        assert book.properties.created.year == 2000

    def test_docx_opens_with_a_real_table(self, nasty, tmp_path):
        from docx import Document

        path = tables.save_table(nasty, tmp_path / "t.docx")
        document = Document(str(path))
        (grid,) = document.tables
        assert [cell.text for cell in grid.rows[0].cells] == ["Study", "Estimate", "N"]
        assert grid.rows[5].cells[0].text == "A & B <i>"
        assert document.paragraphs[0].text == "A <title> & more"
        assert "Note. x < y" in [p.text for p in document.paragraphs]
        with zipfile.ZipFile(path) as archive:
            assert {i.date_time for i in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}

    def test_latex_is_balanced_and_escaped(self, nasty, model):
        text = tables.to_latex(nasty)
        assert r"A \& B $<$i$>$ & .996 & 80 \\" in text
        assert r"100\% \_\$ & .500 & 90 \\" in text
        assert "{[}x{]} & .000" in text
        for table in (nasty, tables.pooled(model)):
            text = tables.to_latex(table)
            assert text.count(r"\begin{") == text.count(r"\end{")
            assert text.isascii()

    def test_groups_become_rows_that_span(self, tmp_path):
        frame = NASTY.assign(g=["a", "a", "a", "b", "b", "b", "b"])
        table = sheet(frame, name="g", caption="T", groups="g")
        assert read_contents(table).rows[0] == ["a"]
        assert r"\multicolumn{3}{l}{b}" in tables.to_latex(table)
        for suffix in ("xlsx", "docx", "csv"):
            tables.save_table(table, tmp_path / f"t.{suffix}")

    def test_a_table_that_the_user_changed(self, model):
        table = tables.pooled(model).tab_header("Mine").tab_source_note("More.")
        contents = read_contents(table)
        assert contents.title == "Mine"
        assert contents.notes[0].endswith(" More.")

    def test_unknown_suffix(self, nasty, tmp_path):
        with pytest.raises(ModelError, match=r"\.html, \.csv, \.tex, \.txt, \.xlsx"):
            tables.save_table(nasty, tmp_path / "t.pdf")

    def test_no_warning_leaks(self, nasty):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            tables.to_html(nasty)


class TestTexts:
    @pytest.mark.parametrize(
        ("text", "form"),
        [
            ("1", "0"),
            ("-.12", ".00"),
            (".91", ".00"),
            ("1,234", "#,##0"),
            ("0.5", "0.0"),
            ("-3", "0"),
            ("< .001", '"< .001"'),
            ("12%", '0"%"'),
        ],
    )
    def test_numbers_have_a_form_in_excel(self, text, form):
        assert number_format(text) == form

    @pytest.mark.parametrize("text", ["", "–", "-", "1,2", "=1", "+2", "1e5"])
    def test_no_numbers(self, text):
        assert number_format(text) == ""

    def test_what_is_typeset(self):
        runs = sentence("F(2, 20) = -1.50, p < .001, tau2 = 0.02 (k = 9), I2 = 8%")
        assert plain(runs) == "F(2, 20) = −1.50, p < .001, τ² = 0.02 (k = 9), I² = 8%"
        assert [r.text for r in runs if r.style] == ["F", "p", "k", "I"]
        # names and identifiers are left alone
        for text in (
            "10.1177/0013-1644",
            "A-1 and B",
            "vitamin k and N-back",
            "p-value",
        ):
            assert plain(sentence(text)) == text
            assert not [r for r in sentence(text) if r.style]

    def test_terms(self):
        assert term_text("C(`rater role`)[T.observer]") == "rater role: observer"
        assert (
            term_text("rater[T.a]:np.log(n_items)") == "rater: a × log number of items"
        )
        assert term_text('C(x, contr.treatment("b"))[T.a]') == "x: a"
        assert term_text("Intercept") == "Intercept"


def test_importing_tables_loads_no_heavy_library():
    code = (
        "import sys, waistats.tables; "
        "sys.exit(any(m in sys.modules for m in "
        "('great_tables', 'openpyxl', 'docx', 'matplotlib')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_limits_that_explode_are_withheld_with_the_reason():
    """A plain model of three studies far apart, in tables and figures."""
    table = pd.DataFrame(
        {
            "study_id": list("ABC"), "estimate": [0.98, 0.55, 0.90], "n": [40, 60, 80],
            "n_items": 12,
        }
    )  # fmt: skip
    fit = fit_meta(effect_sizes(table))
    made = tables.to_html(tables.pooled(fit))
    low = fit.predict().iloc[0]["pi_low"]
    assert low < -100
    assert f"{low:.3f}".replace("-", "\N{MINUS SIGN}") not in made
    assert f"{low:.3f}" not in made
    assert "The prediction interval is withheld (too few studies" in made
    assert "The confidence interval is withheld (too few studies" in made
    axes = figures.forest(fit)
    texts = [text.get_text() for text in axes.figure.findobj(Text)]
    assert any("withheld, too few studies" in text for text in texts)
    assert not any("[-" in text for text in texts)
