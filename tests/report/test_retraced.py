"""The page and the command that say which analyses print reported figures."""

from lxml import html

from waistats import load_dataset, retrace
from waistats.report.retraced import retraced_page


def test_a_page_where_nothing_fits():
    found = retrace(load_dataset("cesd"), {"mean": ".99"})
    page = html.fromstring(retraced_page(found))
    assert "Nearest Specifications" in [h.text for h in page.xpath("//h2")]


def test_the_shares_of_the_options_add_up():
    found = retrace(load_dataset("cesd"), {"mean": ".905", "ci": (".885", ".922")})
    page = html.fromstring(retraced_page(found))
    table = page.xpath("//section[@aria-labelledby='choices']//table")[0]
    rows = [[c.text_content() for c in r.xpath("td")] for r in table.xpath(".//tr")]
    models = [int(r[1]) for r in rows if r and r[0] in ("REML", "DL", "PM", "CE")]
    assert len(models) == 4
    assert sum(models) <= found.n_matches
