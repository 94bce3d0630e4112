"""Open data of others: pinned, checked, cached, and clear without a network."""

import hashlib
import http.server
import json
import re
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pandas as pd
import pytest

from waistats import DataError
from waistats._files import data_json
from waistats.datasets import remote
from waistats.datasets.bundled import load_dataset
from waistats.datasets.remote import cache_path, fetch_dataset, read_remote, remote_file
from waistats.reliability.by_study.api import reliability_by_study

ROOT = Path(__file__).parents[2]
OPEN = ROOT.parent / "shared" / "data" / "open"
REGISTRY = data_json("remote.json")
NAMES = list(REGISTRY["datasets"])
# stands for the file of one data set
GOOD = b"g,q1\na,1\n"


@pytest.fixture
def cache(tmp_path, monkeypatch):
    folder = tmp_path / "cache"
    monkeypatch.setenv("WAISTATS_CACHE", str(folder))
    return folder


@pytest.fixture
def filled(cache):
    if not OPEN.is_dir():
        pytest.skip(f"the open data sets are not at {OPEN}")
    shutil.copytree(OPEN, cache)
    return cache


def serve(
    folder, monkeypatch, content, name="manylabs_nfc", status=200, length=None, wait=0.0
):
    """Serve ``content`` for one data set on this machine; return the requests made.

    The server may announce another ``length``, and wait before it ends.
    """
    asked, ended = [], threading.Event()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(status)
            self.send_header("Content-Length", str(length or len(content)))
            self.end_headers()
            self.wfile.write(content)
            self.wfile.flush()
            ended.wait(wait)

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for variable in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    server.ended = ended
    registry = data_json("remote.json")
    registry["address"] = f"http://127.0.0.1:{server.server_port}/{{path}}"
    registry["datasets"][name]["sha256"] = hashlib.sha256(GOOD).hexdigest()
    monkeypatch.setattr(remote, "data_json", lambda _: registry)
    return server, asked


# --- the registry ---------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_the_registry_is_pinned(name):
    entry = REGISTRY["datasets"][name]
    assert re.fullmatch("[0-9a-f]{40}", entry["commit"])
    assert re.fullmatch("[0-9a-f]{64}", entry["sha256"])
    assert entry["licence"] in {"Apache-2.0", "CC-BY-4.0", "CC-BY-NC-SA-4.0"}
    assert entry["commit"] in entry["citation"]
    assert (
        REGISTRY["address"]
        .format(**entry)
        .startswith(
            f"https://raw.githubusercontent.com/{entry['repository']}/{entry['commit']}/"
        )
    )


# --- reading --------------------------------------------------------------------


@pytest.mark.parametrize("name", [n for n in NAMES if n != "meyer_wai_sr"])
def test_every_data_set_is_read(filled, name):
    frame = fetch_dataset(name)
    entry = REGISTRY["datasets"][name]
    assert len(frame) == entry["rows"]
    assert frame.attrs["licence"] == entry["licence"]
    assert frame.attrs["provenance"] == entry["provenance"]
    for alias in entry["aliases"]:
        assert cache_path(alias) == cache_path(name)
        assert cache_path(f"{alias}.csv") == cache_path(name)


def meyer_file(folder, rows):
    """Write a SIMULATED file with columns of the original's kind, private ones too."""
    items = [f"wai_sr_{i}" for i in range(1, 13)]
    lines = [
        ";".join(["prolific_id", "condition", *items, "attention_check", "remark"])
    ]
    for i, (condition, answers, check) in enumerate(rows):
        cells = [f"SIMULATED{i}", condition, *answers, check, "a; 'remark'"]
        lines.append(";".join(f'"{cell}"' for cell in cells))
    path = folder / "user.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_only_fourteen_columns_of_a_file_with_private_ones_are_read(tmp_path):
    words = ["selten", "manchmal", "öfters", "sehr oft", "immer"]
    rows = [
        ("framework", [words[(i + j) % 5] for j in range(12)], "nein") for i in range(4)
    ]
    entry = remote_file("meyer_wai_sr")
    frame = read_remote(entry, meyer_file(tmp_path, rows))
    assert list(frame) == list(entry.columns)
    assert frame.shape == (4, 14)
    assert frame.loc[1, "wai_sr_1"] == 2
    assert frame.loc[1, "wai_sr_5"] == 1
    assert "SIMULATED" not in frame.to_csv()
    assert frame.attrs["licence"] == "CC-BY-NC-SA-4.0"


def test_a_missing_column_of_the_registry_is_named(tmp_path):
    path = tmp_path / "user.csv"
    path.write_text("condition;wai_sr_1\nframework;selten\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"'wai_sr_2'.* not found; the registry"):
        read_remote(remote_file("meyer_wai_sr"), path)


def test_alphas_of_real_answers_are_those_of_psych_and_of_the_table():
    """psych 2.2.9 on the fourteen columns of the original, by condition."""
    extract = OPEN / "meyer_wai_sr" / "wai_columns.csv"
    if not extract.is_file():
        pytest.skip(f"the extract of the answers is not at {extract}")
    frame = read_remote(remote_file("meyer_wai_sr"), extract)
    assert len(frame) == REGISTRY["datasets"]["meyer_wai_sr"]["rows"] == 163
    passed = frame[frame["attention_check"] == "Stimme überhaupt nicht zu"]
    assert len(passed) == 157
    groups = pd.concat([passed, passed.assign(condition="all")], ignore_index=True)
    found = reliability_by_study(groups, study="condition", instrument="WAI-SR")
    table = load_dataset("wai_recomputed").query("study_id == 'Meyer2023'")
    both = table.merge(
        found, left_on=["group", "scale"], right_on=["study_id", "scale"]
    )
    assert len(both) == 12
    assert (both["estimate"] - both["recomputed"]).abs().max() < 5.1e-5
    assert (both["n_x"] == both["n_y"]).all()


def test_worded_answers_of_models_are_numbers_and_say_what_they_are(filled):
    frame = fetch_dataset("steenstra_wai36_llm")
    answers = frame[[f"question{i}" for i in range(1, 37)]]
    assert answers.min().min() == 1
    assert answers.max().max() == 7
    assert answers.notna().all(axis=None)
    assert frame["pairing_id"].nunique() == 150
    assert set(frame["provenance"]) == {
        "large language models playing patients, not human data"
    }
    # the first session's first answers: Often, Never, Rarely
    assert answers.iloc[0, :3].tolist() == [5, 1, 2]
    task = [2, 4, 7, 11, 13, 15, 16, 18, 24, 31, 33, 35]
    reverse = {7, 11, 15, 31, 33}
    total = sum(
        8 - answers[f"question{i}"] if i in reverse else answers[f"question{i}"]
        for i in task
    )
    assert (total == frame["total_wai_task"]).all()


@pytest.mark.parametrize(
    ("name", "sites", "missing"),
    [("manylabs_swls", 74, 0), ("manylabs_art", 36, 163), ("manylabs_nfc", 21, 0)],
)
def test_sites_are_stripped_text(filled, name, sites, missing):
    frame = fetch_dataset(name)
    assert frame["g"].nunique() == sites
    assert all(site == site.strip() and site for site in frame["g"])
    assert frame.drop(columns="g").isna().sum().sum() == missing
    assert "provenance" not in frame


def test_a_file_put_into_the_cache_without_its_folder_is_found(filled):
    place = filled / "manylabs" / "data_3.7.2_clean.csv"
    place.rename(filled / place.name)
    assert len(fetch_dataset("manylabs_nfc")) == 3178


# --- trouble --------------------------------------------------------------------


def test_a_changed_file_in_the_cache_is_refused(filled):
    place = cache_path("manylabs_nfc")
    place.chmod(0o644)
    place.write_bytes(place.read_bytes()[:-10])
    with pytest.raises(DataError, match=r"not the pinned file \(SHA-256 .*Delete it"):
        fetch_dataset("manylabs_nfc")
    assert place.is_file()


def test_without_a_network_the_message_says_what_to_put_where(cache, monkeypatch):
    import requests

    def no_network(*args, **kwargs):
        raise requests.exceptions.ConnectionError("no route")

    monkeypatch.setattr(requests.Session, "send", no_network)
    with pytest.raises(DataError) as caught:
        fetch_dataset("manylabs_swls")
    text = str(caught.value)
    assert "cannot be downloaded (no connection)" in text
    assert "https://raw.githubusercontent.com/CasGoos/" in text
    assert str(cache / "manylabs" / "data_2.12.1_clean.csv") in text
    assert not [path for path in cache.rglob("*") if path.is_file()]


def test_a_good_download_is_kept_and_not_repeated(cache, monkeypatch, tmp_path):
    server, asked = serve(tmp_path, monkeypatch, b"g,q1\na,1\n")
    try:
        assert fetch_dataset("manylabs_nfc")["q1"].tolist() == [1]
        assert fetch_dataset("manylabs_nfc")["q1"].tolist() == [1]
    finally:
        server.shutdown()
        server.server_close()
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("content", "status", "match"),
    [
        (b"g,q1\na,2\n", 200, "sent is not the pinned file"),
        (b"g,q1\n", 200, "sent is not the pinned file"),
        (b"gone", 404, "the server answered 404"),
    ],
)
def test_a_wrong_download_never_counts(
    cache, monkeypatch, tmp_path, content, status, match
):
    server, _ = serve(tmp_path, monkeypatch, content, status=status)
    try:
        with pytest.raises(DataError, match=match):
            fetch_dataset("manylabs_nfc")
    finally:
        server.shutdown()
        server.server_close()
    assert not cache_path("manylabs_nfc").exists()


PAGE = b"<!DOCTYPE html><html><body>Sign in to the network</body></html>"


@pytest.mark.parametrize(
    ("content", "options", "match"),
    [
        (PAGE, {}, "sent is not the pinned file .* discarded"),
        (
            GOOD[:6],
            {"length": len(GOOD)},
            "the connection was interrupted|no connection",
        ),
        (
            GOOD[:6],
            {"length": len(GOOD), "wait": 20},
            "did not respond within 0.3 seconds",
        ),
        (b"", {"length": len(GOOD), "wait": 20}, "did not respond within 0.3 seconds"),
    ],
)
def test_a_sick_server(cache, monkeypatch, tmp_path, content, options, match):
    server, asked = serve(tmp_path, monkeypatch, content, **options)
    monkeypatch.setattr(remote, "_SECONDS", 0.3)
    started = time.monotonic()
    try:
        with pytest.raises(DataError, match=match) as caught:
            fetch_dataset("manylabs_nfc")
    finally:
        server.ended.set()
        server.shutdown()
        server.server_close()
    assert time.monotonic() - started < 10
    assert len(asked) == 1
    if "pinned" not in match:
        assert "by hand" in str(caught.value)
    assert not [path for path in cache.rglob("*") if path.is_file()]


KILLED = """
import json, sys
from waistats.datasets import remote
remote.data_json = lambda _: json.loads(sys.argv[1])
remote.fetch_dataset("manylabs_nfc")
"""


@pytest.mark.slow
def test_a_download_killed_in_the_middle_never_counts(cache, monkeypatch, tmp_path):
    half = GOOD * 5000
    server, asked = serve(tmp_path, monkeypatch, half, length=10**6, wait=60.0)
    registry = json.dumps(remote.data_json("remote.json"))
    try:
        with subprocess.Popen([sys.executable, "-c", KILLED, registry]) as process:
            while process.poll() is None and not written(cache):
                time.sleep(0.01)
            process.kill()
    finally:
        server.ended.set()
        server.shutdown()
        server.server_close()
    assert len(asked) == 1
    assert not cache_path("manylabs_nfc").exists()
    # what it left hinders no later download
    server, asked = serve(tmp_path, monkeypatch, GOOD)
    try:
        assert fetch_dataset("manylabs_nfc")["q1"].tolist() == [1]
    finally:
        server.shutdown()
        server.server_close()


def written(folder):
    return [p for p in folder.rglob("*") if p.is_file() and p.stat().st_size]


def test_a_cache_that_cannot_be_written(tmp_path, monkeypatch):
    blocked = tmp_path / "file"
    blocked.write_text("x")
    monkeypatch.setenv("WAISTATS_CACHE", str(blocked / "cache"))
    with pytest.raises(DataError, match="cannot be written"):
        fetch_dataset("manylabs_swls")


def test_the_cache_is_read_at_each_call(tmp_path, monkeypatch):
    monkeypatch.setenv("WAISTATS_CACHE", str(tmp_path / "a"))
    assert cache_path() == tmp_path / "a"
    monkeypatch.setenv("WAISTATS_CACHE", str(tmp_path / "b"))
    assert cache_path("manylabs_swls") == tmp_path / "b/manylabs/data_2.12.1_clean.csv"
    monkeypatch.setenv("WAISTATS_CACHE", " ")
    assert cache_path().name == "waistats"


@pytest.mark.parametrize(
    ("name", "match"),
    [
        ("wai", r"comes with waistats: load_dataset\('wai'\)"),
        ("manylab_swls", r"did you mean 'manylabs_swls'"),
        (None, "no remote data set None"),
    ],
)
def test_unknown_names_are_refused(name, match):
    with pytest.raises(DataError, match=match):
        fetch_dataset(name)
