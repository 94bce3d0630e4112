"""The same study as Python and as commands, to copy: what was chosen, and nothing else."""

import json
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from waistats._caller import TERMINAL, calling, option
from waistats.app._study import (
    READING,
    SampleChoices,
    Source,
    StudyChoices,
    whole_table,
)
from waistats.errors import listing, visible
from waistats.intake.session import ONE_STUDY

REPORT = "waistats-report"
# where waistats reproduce puts the coefficients of the SIMULATED study
_REPRODUCED = "tables/simulated_coefficients.csv"
SIMULATED_TABLE = """\
tables = [
    ws.reliability_by_study(
        frame,
        study="study_id",
        instrument=frame["instrument"].iloc[0],
        scales=simulation.scales[name],
    )
    for name, frame in simulation.frames.items()
]
{name} = pd.concat(tables, ignore_index=True)
{name}["coefficient_id"] = [str(i + 1) for i in range(len({name}))]"""


def literal(value: Any) -> str:
    """Return a value as Python writes it, texts in double quotes.

    >>> literal({"mean age": 35.0, "setting": "inpatient"})
    '{"mean age": 35.0, "setting": "inpatient"}'
    """
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=not value.isprintable())
    if isinstance(value, Mapping):
        pairs = (f"{literal(k)}: {literal(v)}" for k, v in value.items())
        return "{" + ", ".join(pairs) + "}"
    if isinstance(value, (list, tuple)):
        parts = ", ".join(literal(part) for part in value)
        if isinstance(value, list):
            return f"[{parts}]"
        return f"({parts},)" if len(value) == 1 else f"({parts})"
    return repr(value)


def call(function: str, first: str, options: Mapping[str, Any]) -> str:
    """Return a call, on one line where it is short."""
    words = [first, *(f"{name}={literal(value)}" for name, value in options.items())]
    line = f"{function}({', '.join(words)})"
    if len(line) <= 72:
        return line
    body = "".join(f"    {word},\n" for word in words)
    return f"{function}(\n{body})"


def names_of(sources: Sequence[Source]) -> list[str]:
    """Return a variable for each table."""
    words = {
        "responses": "own",
        "block": "own",
        "file": "published",
        "dataset": "published",
        "simulated": "simulated",
    }
    names: list[str] = []
    for source in sources:
        name, i = words[source.kind], 2
        while name in names:
            name, i = f"{words[source.kind]}{i}", i + 1
        names.append(name)
    return names


def source_python(source: Source, name: str) -> str:
    """Return the lines of Python that make a table."""
    if source.kind == "dataset":
        return f"{name} = ws.load_dataset({literal(source.dataset)})"
    if source.kind == "simulated":
        made = SIMULATED_TABLE.format(name=name)
        return f"simulation = ws.simulate_hanson_study()\n{made}"
    if source.kind == "responses":
        lines = source.python.splitlines()
        return "\n".join(
            f"{name}{line.removeprefix('table')}"
            if line.startswith("table = ")
            else line
            for line in lines
            if line and not line.startswith("import ")
        )
    if source.kind == "block":
        return _block_python(source, name)
    made = call("ws.read_coefficients", literal(source.name), source.reading)
    return f"{name} = {made}"


def _block_python(source: Source, name: str) -> str:
    options = dict(source.reading)
    reading = {key: options.pop(key) for key in READING if key in options}
    read = call("ws.read_responses", literal(source.name), reading)
    lines = [f"responses = {read}"]
    if options.get("study") == ONE_STUDY and "one_study" in source.reading:
        lines.append(f'responses["{ONE_STUDY}"] = {literal(options.pop("one_study"))}')
    made = call("ws.reliability_by_study", "responses", options)
    return "\n".join([*lines, f"{name} = {made}"])


def study_python(
    sources: Sequence[Source],
    choices: StudyChoices,
    sample: SampleChoices | None = None,
    report: bool = True,
    forest: Mapping[str, Any] | None = None,
) -> str:
    """Return Python that runs the study, and predicts for a described sample.

    ``forest`` are options of `RGStudy.report`.
    """
    names = names_of(sources)
    lines = ["import pandas as pd"] if "simulated" in names else []
    lines += ["import waistats as ws", ""]
    lines += [
        source_python(source, name) for source, name in zip(sources, names, strict=True)
    ]
    options = choices.changed(whole_table(sources))
    first = names[0] if len(names) == 1 else f"[{', '.join(names)}]"
    lines += [f"study = {call('ws.generalize', first, options)}", "print(study)"]
    if sample is not None:
        made = call("ws.predict_reliability", "study", sample.options())
        lines += [f"prediction = {made}", "print(prediction)"]
    if report:
        lines.append(call("study.report", '"report.html"', forest or {}))
    return "\n".join(lines) + "\n"


def typed_names(names: Sequence[str]) -> str:
    """Return names as an option takes them: a comma or quote puts one in quotes.

    >>> typed_names(["rater", 'how "old", in years'])
    'rater,"how ""old"", in years"'
    """
    return ",".join(
        '"' + name.replace('"', '""') + '"'
        if any(sign in name for sign in ',"\n') or name != name.strip()
        else name
        for name in names
    )


def _file(name: str) -> str:
    """Return a file's name as it is typed; one that looks like an option is a path."""
    return shlex.quote(f"./{name}" if name.startswith("-") else name)


def source_commands(source: Source, folder: str) -> tuple[list[str], str]:
    """Return the commands that make a table, and what `waistats generalize` is given."""
    if source.kind == "dataset":
        file = f"{source.dataset}.csv"
        return [f"waistats data save {source.dataset} {file}"], file
    if source.kind == "simulated":
        return [f"waistats reproduce --output {folder}"], f"{folder}/{_REPRODUCED}"
    if source.kind == "responses":
        return [f"{source.command} --output {folder}"], folder
    return [], _file(source.name)


def _reading_words(sources: Sequence[Source]) -> list[str] | None:
    """Return how files are read; None where one command cannot say it of each."""
    given = [source.reading for source in sources if source.reading]
    if not given:
        return []
    if len(sources) > 1 and any(source.reading != given[0] for source in sources):
        return None
    words = []
    for name, value in given[0].items():
        if isinstance(value, Mapping):
            pairs = ",".join(f"{yours}={ours}" for yours, ours in value.items())
            words += [f"--{name}", shlex.quote(pairs)]
        else:
            with calling(TERMINAL):
                words.append(option(name, value))
    return words


def _option_words(options: Mapping[str, Any]) -> list[str]:
    """Return options of `generalize` as they are typed."""
    words = []
    for name, value in options.items():
        text = typed_names(value) if isinstance(value, (list, tuple)) else str(value)
        if name == "by" and not value:
            text = ""
        flag = f"--{name.replace('_', '-')}"
        words.append(f"{flag} {shlex.quote(text)}")
    return words


def _sample_words(sample: SampleChoices) -> list[str]:
    """Return options of `waistats predict` that describe a sample."""
    options = sample.options()
    words = []
    for name in ("instrument", "rater", "modality"):
        if name in options:
            words.append(f"--{name} {shlex.quote(options[name])}")
    if sample.n:
        words.append(f"--n {','.join(map(str, sample.n))}")
    if sample.n_items is not None:
        words.append(f"--n-items {sample.n_items}")
    words += [
        f"--new {shlex.quote(f'{name}={value}')}" for name, value in sample.values
    ]
    return words


# options of generalize that change what is tested, not what predicts
_NOT_PREDICT = ("by", "candidates", "title")


def study_commands(
    sources: Sequence[Source],
    choices: StudyChoices,
    sample: SampleChoices | None = None,
    report: Sequence[str] = ("--short",),
    drawn: Mapping[str, Any] | None = None,
) -> list[str]:
    """Return the commands that run the study; or a comment on what one cannot say.

    ``drawn`` are options of its report.
    """
    if any(source.kind == "block" for source in sources):
        return [
            "# Save the session, unpack it, and in its folder:",
            "waistats project run",
        ]
    reading = _reading_words(sources)
    if reading is None:
        files = listing(source.name for source in sources if source.reading)
        return [
            f"# One command reads all files in the same way, but {visible(files)} needs "
            "columns or a sheet of its own: use the Python, or rename its columns."
        ]
    lines: list[str] = []
    arguments: list[str] = []
    for i, source in enumerate(sources):
        base = "simulated-study" if source.kind == "simulated" else "coefficients"
        more, argument = source_commands(source, base if i == 0 else f"{base}-{i + 1}")
        lines += more
        arguments.append(argument)
    options = choices.changed(whole_table(sources))
    words = ["waistats generalize", *arguments, *reading, *_option_words(options)]
    words += [*_option_words(drawn or {}), *report]
    lines.append(" ".join([*words, f"--output {REPORT}"]))
    if sample is not None:
        kept = {k: v for k, v in options.items() if k not in _NOT_PREDICT}
        words = ["waistats predict", *arguments, *reading, *_option_words(kept)]
        lines.append(" ".join([*words, *_sample_words(sample)]))
    return lines
