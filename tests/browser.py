"""Pages in a real browser, asked by a script."""

import json
import re
import shutil
import subprocess
from functools import cache

import pytest
from lxml import html

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-dev-shm-usage", "--hide-scrollbars",
)  # fmt: skip
# what a page tells of itself to the frame around it, where --dump-dom finds it
PROBE = """
<script>
window.broken = [];
document.addEventListener("securitypolicyviolation", function (event) {
  window.broken.push(event.violatedDirective + " " + event.blockedURI);
});
window.addEventListener("load", function () {
  setTimeout(function () {
    var told = (function () { %s })();
    told.broken = window.broken;
    told.fetched = performance.getEntriesByType("resource").map(function (e) {
      return e.name;
    });
    parent.postMessage(JSON.stringify(told), "*");
  }, 50);
});
</script>
"""
# windows have a least width, frames have not
FRAME = """<!DOCTYPE html>
<title>frame</title>
<pre id="told"></pre>
<iframe src="page.html" style="border: 0; width: %dpx; height: 900px"></iframe>
<script>
window.addEventListener("message", function (event) {
  document.getElementById("told").textContent = event.data;
});
</script>
"""


@cache
def chromium():
    for name in ("chromium", "chromium-browser", "google-chrome"):
        path = shutil.which(name)
        if path:
            return path
    pytest.skip("no Chromium is installed")


def browse(folder, *arguments):
    """Run the browser on ``report.html`` with a profile of its own."""
    done = subprocess.run(
        [
            chromium(),
            *FLAGS,
            f"--user-data-dir={folder / 'profile'}",
            *arguments,
            (folder / "report.html").as_uri(),
        ],
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        timeout=180,
    )
    shutil.rmtree(folder / "profile", ignore_errors=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return done


def console(stderr):
    """Return what pages wrote to the console."""
    return re.findall(r"CONSOLE[^\n]*", stderr)


def ask(page, folder, script, width=1400):
    """Run a script in the page; return what it tells."""
    probed = page.replace("<style>", PROBE % script + "<style>", 1)
    (folder / "page.html").write_text(probed, encoding="utf-8")
    (folder / "report.html").write_text(FRAME % width, encoding="utf-8")
    done = browse(
        folder,
        "--enable-logging=stderr",
        "--v=0",
        "--window-size=1500,1000",
        "--virtual-time-budget=4000",
        "--dump-dom",
    )
    (told,) = html.fromstring(done.stdout).xpath("//pre[@id='told']")
    return json.loads(told.text) | {"console": console(done.stderr)}
