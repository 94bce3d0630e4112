"""What tests of the first two steps do in a page."""

READY = "#data-found .notice.done"


QUESTION = "#data-question"


def opened(page, path):
    page.set_input_files("#data-file", path)
    page.wait_for_selector(f"{READY}, {QUESTION}, #data-progress .notice.stop")


def answered(page, text):
    """Click an answer, and wait until the next state of the file is shown."""
    before = page.inner_text(QUESTION)
    page.click(f"{QUESTION} button:text-is('{text}')")
    changed(page, before)


def settled(page):
    """Take the suggestion, or the first answer, of every question that is left."""
    while page.query_selector(QUESTION):
        before = page.inner_text(QUESTION)
        if page.query_selector("#data-text_answer"):
            page.click("#data-send_text")
        else:
            first = page.query_selector(f"{QUESTION} button.first")
            (first or page.query_selector(f"{QUESTION} button")).click()
        changed(page, before)


def changed(page, before):
    """Wait until a question is no longer the one that it was."""
    page.wait_for_function(
        """before => {
          const one = document.querySelector("#data-question");
          return document.querySelector("#data-found .notice.done")
            || document.querySelector("#data-progress .notice.stop")
            || (one && one.innerText !== before);
        }""",
        arg=before,
    )


def to_reliability(page):
    page.click("text=Continue to Reliability")
    page.wait_for_selector("#reliability-rows table")


def rows_of(page, selector):
    """Return the cells of a table by its heads."""
    heads = page.eval_on_selector_all(
        f"{selector} th", "all => all.map(e => e.innerText)"
    )
    rows = page.eval_on_selector_all(
        f"{selector} tbody tr",
        "all => all.map(r => [...r.cells].map(e => e.innerText))",
    )
    return [dict(zip(heads, row, strict=True)) for row in rows]


def facts_of(page):
    pairs = page.eval_on_selector_all(
        "#data-found dl div",
        "all => all.map(e => [e.children[0].innerText, e.children[1].innerText])",
    )
    return dict(pairs)
