"""The commands `data`: what comes with the package, and where it is kept."""

from hostile import run

from waistats.cli.app import main


def test_data_commands(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("WAISTATS_CACHE", str(tmp_path))
    assert run("data", "list") == 0
    printed = capsys.readouterr().out
    assert "wai (bundled" in printed
    assert "SIMULATED" in printed
    assert run("data", "path") == 0
    assert str(tmp_path) in capsys.readouterr().out


def test_data_sets_are_named_by_the_command_that_brings_them(capsys):
    assert main(["data", "path", "wai"]) == 2
    assert (
        "comes with waistats: waistats data save wai FILE." in capsys.readouterr().err
    )
    assert main(["data", "save", "manylabs_swls", "x.csv"]) == 2
    assert "waistats data fetch manylabs_swls brings it" in capsys.readouterr().err
