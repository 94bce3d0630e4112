"""A study takes the same options in Python, as a command, in a folder and in the app."""

import inspect
from dataclasses import fields

from waistats import RGStudy, generalize, read_coefficients
from waistats.app._state import Report
from waistats.app._study import StudyChoices
from waistats.cli.study import generalize as command
from waistats.project.layout import REPORT, STUDY

# what is given besides options: the tables, and where the output goes
TABLES = {"coefficients", "files", "self", "path", "output", "force"}
PYTHON = (
    set(inspect.signature(generalize).parameters)
    | set(inspect.signature(RGStudy.report).parameters)
) - TABLES

# what one of the four does not take, with the reason
NOT_AT_THE_COMMAND_LINE = {
    "V": "a matrix; a folder of `waistats alpha` brings its covariance.csv",
}
ONLY_AT_THE_COMMAND_LINE = {
    "word": "Python writes report.docx by its name",
    "figure_format": "figures.save in Python",
    "theme": "figures.save in Python",
}
NOT_IN_SETTINGS = {
    "V": "covariances come with answers in responses/",
    "screening": "the tables in search/",
    "coders": "coding/second.csv",
    "texts": "texts.toml",
    "short": "both reports are written",
    "word": "--word of `waistats project run`",
}
NOT_IN_THE_APP = {
    "V": "covariances come with the answers that were opened",
    "screening": "the folder of a study has it: save the session, fill search/",
    "coders": "the folder of a study has it: save the session, fill coding/second.csv",
    "texts": "the folder of a study has it: save the session, fill texts.toml",
    "short": "each report has a button of its own",
    "word": "each report has a button of its own",
}


def test_the_command_line_has_what_python_has():
    reading = {"wide", *inspect.signature(read_coefficients).parameters}
    typed = set(inspect.signature(command).parameters) - TABLES - reading
    assert PYTHON - typed == set(NOT_AT_THE_COMMAND_LINE)
    assert typed - PYTHON == set(ONLY_AT_THE_COMMAND_LINE)


def test_the_settings_of_a_folder_have_them():
    everything = PYTHON | set(ONLY_AT_THE_COMMAND_LINE)
    settings = {*STUDY, *REPORT}
    assert settings <= everything
    assert everything - settings == set(NOT_IN_SETTINGS)


def test_the_app_has_them():
    everything = PYTHON | set(ONLY_AT_THE_COMMAND_LINE)
    chosen = {field.name for kind in (StudyChoices, Report) for field in fields(kind)}
    # a formula that a project brings, where it is none of plain columns
    assert chosen - everything == {"formula"}
    assert everything - chosen == set(NOT_IN_THE_APP)
