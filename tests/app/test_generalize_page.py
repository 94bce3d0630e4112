"""Generalize in a real browser: tables, choices, results equal to the package's."""

from pathlib import Path

import pandas as pd
import pytest
from app_page import CASES, add, facts_of, open_page, rows_of, step

import waistats as ws
from waistats._format import coefficient, interval
from waistats.app._study import (
    StudyChoices,
    dataset_source,
    run_study,
    simulated_source,
)
from waistats.app._study_code import study_commands, study_python
from waistats.datasets.examples import write_examples

pytestmark = [pytest.mark.browser, pytest.mark.slow]
NBSP = "\u00a0"


def limits(row, kind="ci"):
    return interval(row[f"{kind}_low"], row[f"{kind}_high"]).replace(" ", NBSP)


def assert_overall(page, study):
    row = study.summary().iloc[0]
    found = facts_of(page)
    assert found["Pooled alpha"] == coefficient(row["estimate"])
    assert found["Confidence interval"] == interval(row["ci_low"], row["ci_high"])
    assert found["A new study is expected within"] == interval(
        row["pi_low"], row["pi_high"]
    )
    assert found["Coefficients"] == str(row["k"])


def assert_cells(page, study):
    wanted = study.cells[study.cells["estimate"].notna()]
    found = rows_of(page, "Pooled reliability of each cell")
    assert len(found) == len(wanted)
    for row, cell in zip(found, wanted.to_dict("records"), strict=True):
        assert row["α"] == coefficient(cell["estimate"])
        assert (row["CI"], row["PI"]) == (limits(cell), limits(cell, "pi"))
        assert row["k"] == str(cell["k"])


def code_of(page, id="generalize-code"):
    return [
        page.locator(f"#{id}-{kind}").inner_text() for kind in ("python", "command")
    ]


def test_bundled_data_give_the_numbers_of_the_package(page):
    add(page, "wai")
    study = ws.generalize(ws.load_dataset("wai"))
    assert_overall(page, study)
    assert_cells(page, study)
    sources, choices = [dataset_source("wai")], StudyChoices()
    python, commands = code_of(page)
    assert python.strip() == study_python(sources, choices).strip()
    assert commands == "\n".join(study_commands(sources, choices))


def test_a_model_is_chosen_not_typed(page):
    add(page, "wai")
    page.select_option("#generalize-measure", "hakstian-whalen")
    page.select_option("#generalize-level", "0.9")
    page.check("#generalize-moderators input[value=rater]")
    page.check("#generalize-moderators input[value=n_items]")
    page.click("#generalize summary:has-text('More choices')")
    page.select_option("#generalize-lacking", "drop")
    page.click("#generalize-apply")
    page.wait_for_selector("#generalize figcaption:has-text('chosen moderators')")
    choices = StudyChoices(
        measure="hakstian-whalen",
        conf_level=0.9,
        moderators=("rater", "n_items"),
        missing_moderators="drop",
    )
    sources = [dataset_source("wai")]
    study = run_study(sources, choices)
    assert_overall(page, study)
    model = study.moderator_model.to_frame()
    found = rows_of(page, "Model with the chosen moderators")
    assert len(found) == len(model)
    assert page.locator("#generalize").inner_text().count(study.equation) == 1
    assert code_of(page)[0].strip() == study_python(sources, choices).strip()


def test_a_moderator_with_blanks_is_refused_in_words(page):
    add(page, "wai")
    page.check("#generalize-moderators input[value=mean_age]")
    page.click("#generalize-apply")
    said = page.locator("#generalize-progress .notice.stop")
    said.wait_for()
    assert "mean_age" in said.inner_text()
    assert "formula" not in said.inner_text()


def test_own_and_published_coefficients_together(page):
    page.set_input_files("#data-file", CASES / "clinic.sav")
    page.click("#data-found .notice button")
    page.wait_for_selector("#reliability-found .card")
    page.click("#reliability-after button")
    page.wait_for_selector("#generalize-found .card")
    assert "Own: clinic.sav" in page.locator("#generalize-listed").inner_text()
    # two sites are too few to pool, and that is said
    assert "descriptive only" in page.locator("#generalize-found").inner_text()
    page.click("text=Add the published coefficients of the WAI")
    page.wait_for_selector("#generalize-listed li:nth-child(2)")
    page.wait_for_selector("#generalize .headline")
    published = ws.generalize(ws.load_dataset("wai")).summary()["k"].iloc[0]
    assert int(facts_of(page)["Coefficients"]) > published
    python, commands = code_of(page)
    assert "[published, own]" in python
    assert commands.splitlines()[1].startswith("waistats alpha clinic.sav")
    page.click("#generalize-listed button[aria-label='Remove Own: clinic.sav']")
    page.wait_for_selector("#generalize-listed li:nth-child(2)", state="detached")
    page.wait_for_selector("#generalize-found .card")
    assert_overall(page, ws.generalize(ws.load_dataset("wai")))


def test_a_sample_is_described_and_predicted(page):
    add(page, "wai")
    page.select_option("#generalize-value_1", "client")
    page.fill("#generalize-sizes", "40, 200")
    page.fill("#generalize-items", "12")
    page.click("#generalize-predict")
    page.wait_for_selector("#generalize-prediction .card")
    study = ws.generalize(ws.load_dataset("wai"))
    wanted = ws.predict_reliability(study, rater="client", n=[40, 200], n_items=12)
    found = rows_of(page, "Expected reliability", "#generalize-prediction")
    for row, one in zip(found, wanted.to_frame().to_dict("records"), strict=True):
        assert row["α"] == coefficient(one["estimate"])
        assert row["PI"] == limits(one, "pi")
        assert row["In a sample of n"] == limits(one, "observed")
    python, commands = code_of(page, "generalize-prediction_code")
    assert 'rater="client", n=[40, 200], n_items=12' in python
    assert commands.endswith("--rater client --n 40,200 --n-items 12")


def test_the_checks_are_those_of_the_package(page):
    add(page, "cesd")
    page.click("#generalize-check")
    page.wait_for_selector("#generalize-checked .card")
    wanted = ws.generalize(ws.load_dataset("cesd")).robustness
    found = rows_of(page, "Checks of the overall result", "#generalize-checked")
    assert [row["Check"] for row in found] == list(wanted["check"])
    for row, estimate in zip(found, wanted["estimate"], strict=True):
        if pd.notna(estimate):
            assert row["α"] == coefficient(estimate)
    assert page.locator("#generalize-checked figure svg").count() == 1


def test_long_work_can_be_cancelled(page):
    add(page, "mibs")
    page.click("#generalize-check")
    page.click("#generalize-checking button:has-text('Cancel')")
    page.wait_for_selector("#generalize-checking .notice:has-text('Cancelled')")
    page.click("#generalize-predict")
    page.wait_for_selector("#generalize-prediction .card")


def test_the_simulated_study_says_so(page):
    add(page, "simulated")
    study = run_study([simulated_source()], StudyChoices())
    assert_overall(page, study)
    assert_cells(page, study)
    for caption in page.locator("#generalize-found figcaption").all():
        words = caption.evaluate("one => one.closest('figure').textContent")
        assert "SIMULATED" in words


def test_a_filled_coding_sheet_is_read(page, tmp_path):
    write_examples(tmp_path / "examples")
    sheet = tmp_path / "examples" / "coding-sheet.csv"
    step(page, "generalize")
    page.set_input_files("#generalize-file", sheet)
    page.wait_for_selector("#generalize-found .card")
    assert_overall(page, ws.generalize(ws.read_coefficients(sheet)))


def test_columns_of_other_names_are_matched(page, tmp_path):
    file = tmp_path / "theirs.csv"
    table = ws.load_dataset("cesd")
    table.rename(columns={"estimate": "alpha", "n": "sample"}).to_csv(file, index=False)
    step(page, "generalize")
    page.set_input_files("#generalize-file", file)
    page.select_option("#generalize-is_estimate", "alpha")
    page.select_option("#generalize-is_n", "sample")
    page.click("#generalize-match")
    page.wait_for_selector("#generalize-found .card")
    assert_overall(page, ws.generalize(ws.load_dataset("cesd")))
    assert '{"alpha": "estimate", "sample": "n"}' in code_of(page)[0]


def test_errors_of_a_table_are_listed_in_place(page, tmp_path):
    file = tmp_path / "wrong.csv"
    file.write_text("study_id,estimate,n,n_items\nA,1.2,50,12\nB,.9,2,12\nC,.8,80,12\n")
    step(page, "generalize")
    page.set_input_files("#generalize-file", file)
    page.wait_for_selector("#generalize-adding .notice.stop")
    said = page.locator("#generalize-adding").inner_text()
    assert "estimate must be a number below 1" in said
    assert "n must be" in said


def test_hostile_names_are_inert(page, tmp_path):
    file = tmp_path / "<img src=x onerror=alert(1)>.csv"
    evil = "<script>document.title='broken'</script>"
    table = ws.load_dataset("cesd")[["study_id", "estimate", "n", "n_items"]]
    table["study_id"] = [f"<b onclick=alert(1)>{i}</b>" for i in table["study_id"]]
    table[evil] = ["a", "b<i>"] * 4 + ["a"]
    table.to_csv(file, index=False)
    step(page, "generalize")
    page.set_input_files("#generalize-file", file)
    page.wait_for_selector("#generalize-found .card")
    page.locator("#generalize-moderators input").first.check()
    page.click("#generalize-apply")
    page.wait_for_selector("#generalize figcaption:has-text('chosen moderators')")
    assert page.title() == "waistats"
    assert page.locator("#generalize img, #generalize b[onclick]").count() == 0
    assert evil in page.locator("#generalize-model").inner_text()


LABELS = """() => Array.from(
  document.querySelectorAll("main input:not([hidden]), main select, main button, main a")
).filter(one => one.type !== "hidden").map(one => {
  const named = one.getAttribute("aria-label") || one.textContent.trim() ||
    Array.from(one.labels || []).map(label => label.textContent.trim()).join("");
  return named ? "" : one.outerHTML;
}).filter(Boolean)"""
# WCAG's contrast of every text that is shown against the ground behind it
CONTRAST = """() => {
  const parse = c => (c.match(/[\\d.]+/g) || []).map(Number);
  const light = c => {
    const [r, g, b] = c.slice(0, 3).map(v => {
      v /= 255;
      return v <= 0.03928 ? v / 12.92 : Math.pow((v + 0.055) / 1.055, 2.4);
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = one => {
    for (let at = one; at; at = at.parentElement) {
      const c = parse(getComputedStyle(at).backgroundColor);
      if (c.length === 3 || c[3] === 1) return c;
    }
    return [255, 255, 255];
  };
  const low = [];
  for (const one of document.querySelectorAll("body *:not(svg *)")) {
    const own = Array.from(one.childNodes).some(
      n => n.nodeType === 3 && n.textContent.trim());
    if (!own || !one.checkVisibility() || one.disabled) continue;
    const style = getComputedStyle(one);
    const a = light(parse(style.color)), b = light(ground(one));
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) low.push(one.outerHTML.slice(0, 80) + " " + ratio.toFixed(2));
  }
  return low;
}"""


def test_everything_has_a_name_and_enough_contrast(page):
    add(page, "cesd")
    page.click("#generalize-predict")
    page.wait_for_selector("#generalize-prediction .card")
    assert page.evaluate(LABELS) == []
    assert page.evaluate(CONTRAST) == []
    for name in ("report", "teaching"):
        step(page, name)
        if name == "teaching":
            page.wait_for_selector("#teaching-card")
        assert page.evaluate(LABELS) == []
        assert page.evaluate(CONTRAST) == []


def test_the_keyboard_is_enough(page):
    page.focus("nav a[data-step=generalize]")
    page.keyboard.press("Enter")
    page.wait_for_selector("section#generalize:not([hidden])")
    page.focus("#generalize-bundled")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_selector("#generalize-found .card")
    page.focus("#generalize-moderators input >> nth=0")
    page.keyboard.press("Space")
    assert page.locator("#generalize-moderators input:checked").count() == 1


def test_a_phone_shows_all_of_it(phone):
    add(phone, "cesd")
    for name in ("generalize", "report", "teaching"):
        step(phone, name)
        if name == "teaching":
            phone.wait_for_selector("#teaching-card")
        wide = phone.evaluate("() => document.documentElement.scrollWidth")
        assert wide <= 390


def test_ten_thousand_rows_stay_fluid(chrome, app, tmp_path):
    """The page answers while the process computes."""
    frame = pd.concat([_big(i) for i in range(20)], ignore_index=True)
    file = Path(tmp_path) / "large.csv"
    frame.to_csv(file, index=False)
    made = open_page(chrome, app)
    page = made.page
    step(page, "generalize")
    page.set_input_files("#generalize-file", file)
    page.wait_for_selector("#generalize .working")
    start = page.evaluate("() => performance.now()")
    step(page, "report")
    step(page, "generalize")
    assert page.evaluate("() => performance.now()") - start < 2_000
    page.wait_for_selector("#generalize-found .card", timeout=180_000)
    page.context.close()
    assert not made.problems


def _big(i):
    table = ws.simulate_literature(500, seed=i).table
    own = table[table["reliability_status"] == "reported_own"].copy()
    for name in ("study_id", "sample_id", "coefficient_id"):
        own[name] = f"{i}-" + own[name].astype(str)
    return own
