"""Open data sets of others, fetched into the user's cache and never changed there."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from waistats._caller import command
from waistats._files import data_json
from waistats._progress import is_silent
from waistats.datasets.bundled import list_datasets
from waistats.errors import DataError, listing, near
from waistats.io._numbers import plain_text
from waistats.io.readers import read_responses

_SECONDS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteFile:
    """One pinned file: where it is, what it must be, and what may be done with it.

    Attributes
    ----------
    name : str
        Name for `fetch_dataset`.
    address : str
        Where it is downloaded from, by repository, commit and path.
    sha256 : str
        Hash of its bytes.
    cache : str
        Folder and file name inside the cache.
    licence, citation, provenance, description : str
        As in the registry.
    labels : tuple of str
        Words of the answers in order; empty where they are numbers.
    study : str
        The column that names the study; empty for none.
    columns : tuple of str
        The columns that are read; empty for all. The others never leave the file.
    """

    name: str
    address: str
    sha256: str
    cache: str
    licence: str
    citation: str
    provenance: str
    description: str
    labels: tuple[str, ...] = ()
    study: str = ""
    columns: tuple[str, ...] = ()


def fetch_dataset(name: str) -> pd.DataFrame:
    """Fetch an open data set of others into your cache, and read it.

    Parameters
    ----------
    name : str
        A name of `list_datasets` whose kind is remote, such as ``"manylabs_swls"``.

    Returns
    -------
    pandas.DataFrame
        Item responses as numbers, one row per respondent. ``attrs`` holds ``licence``,
        ``citation`` and ``provenance``. Answers of ``steenstra_wai36_llm``, 1-7, come
        with a column ``provenance``: they are of language models playing patients, not
        of humans. Of ``manylabs_...`` the column ``g`` names the site. Of
        ``meyer_wai_sr`` only the twelve items, ``condition`` and ``attention_check``
        are read.

    Raises
    ------
    DataError
        If the name is unknown, the file cannot be downloaded (the message says what to
        put where by hand), or its bytes are not the pinned ones.

    Notes
    -----
    The file is downloaded once, by pooch, from a pinned commit and checked against its
    SHA-256 at every use. The cache is the folder in the environment variable
    ``WAISTATS_CACHE``, else the user's cache folder. A licence may restrict what you
    do with the data: ``meyer_wai_sr`` is CC BY-NC-SA 4.0, not for commercial use.
    """
    entry = remote_file(name)
    return read_remote(entry, _fetch(entry))


def read_remote(entry: RemoteFile, path: Path) -> pd.DataFrame:
    """Read a fetched file as its entry in the registry says.

    Parameters
    ----------
    entry : RemoteFile
        What is known of the file.
    path : pathlib.Path
        Where it lies.

    Returns
    -------
    pandas.DataFrame
        See `fetch_dataset`.

    Raises
    ------
    DataError
        If a column that the registry names is not there.
    """
    frame = read_responses(path, labels=list(entry.labels) or None)
    if entry.columns:
        absent = [name for name in entry.columns if name not in frame]
        if absent:
            raise DataError(
                f"{path}: {listing(map(repr, absent))} not found; the registry expects "
                f"{listing(entry.columns)}."
            )
        frame = frame[list(entry.columns)].copy()
    if entry.study:
        sites = [plain_text(cell) for cell in frame[entry.study]]
        frame[entry.study] = pd.Series(sites, index=frame.index)
    if "not human" in entry.provenance:
        frame["provenance"] = entry.provenance
    frame.attrs.update(
        licence=entry.licence, citation=entry.citation, provenance=entry.provenance
    )
    return frame


def cache_folder() -> Path:
    """Return the cache: ``WAISTATS_CACHE`` if it is set, else the user's cache."""
    told = os.environ.get("WAISTATS_CACHE", "").strip()
    if told:
        return Path(told).expanduser()
    import pooch

    return Path(pooch.os_cache("waistats"))


def cache_path(name: str | None = None) -> Path:
    """Return where the file of a remote data set is, or would be, in the cache.

    Parameters
    ----------
    name : str, optional
        A remote name; without it, the cache folder.

    Returns
    -------
    pathlib.Path
        The file or folder, whether or not it is there.
    """
    return cache_folder() if name is None else _cached(remote_file(name))


def remote_file(name: str) -> RemoteFile:
    """Return what the registry says of a remote data set; a DataError for none."""
    registry = data_json("remote.json")
    given = str(name).removesuffix(".csv")
    for known, entry in registry["datasets"].items():
        if given == known or given in entry["aliases"]:
            return RemoteFile(
                name=known,
                address=registry["address"].format(**entry),
                labels=tuple(entry.get("labels", ())),
                study=entry.get("study", ""),
                columns=tuple(entry.get("columns", ())),
                **{
                    key: entry[key]
                    for key in (
                        "sha256",
                        "cache",
                        "licence",
                        "citation",
                        "provenance",
                        "description",
                    )
                },
            )
    names = list(registry["datasets"])
    here = list_datasets()
    if name in set(here.loc[here["kind"] != "remote", "name"]):
        raise DataError(
            f"{name!r} comes with waistats: {command('load_dataset', str(name))}."
        )
    raise DataError(
        f"there is no remote data set {name!r}{near(str(name), names)}; there are "
        f"{listing(names)}."
    )


def _cached(entry: RemoteFile) -> Path:
    """Return the file's place, or the same file put into the cache without folder."""
    place = cache_folder() / entry.cache
    flat = cache_folder() / place.name
    return flat if flat.is_file() and not place.is_file() else place


def _by_hand(entry: RemoteFile, place: Path) -> str:
    return (
        f"Download {entry.address} by hand, save it as {place}, and repeat "
        f"{command('fetch_dataset', entry.name)}; or set WAISTATS_CACHE to a folder "
        f"that holds {entry.cache}."
    )


def _fetch(entry: RemoteFile) -> Path:
    """Return the path of the cached file, downloaded first where it is missing."""
    import pooch

    place = _cached(entry)
    if not place.is_file():
        _download(entry, place)
    try:
        found = pooch.file_hash(str(place))
    except OSError as error:
        raise DataError(
            f"{entry.name}: {place} cannot be read ({error.strerror}). Check its read "
            "permission."
        ) from error
    if found != entry.sha256:
        raise DataError(
            f"{entry.name}: {place} is not the pinned file (SHA-256 {found}, expected "
            f"{entry.sha256}). Delete it and fetch again."
        )
    return place


def _download(entry: RemoteFile, place: Path) -> None:
    """Put the file into the cache; it appears there whole and right, or not at all."""
    import pooch
    import requests

    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        pooch.retrieve(
            entry.address,
            known_hash=f"sha256:{entry.sha256}",
            fname=place.name,
            path=place.parent,
            downloader=pooch.HTTPDownloader(
                timeout=_SECONDS, progressbar=not is_silent()
            ),
        )
    except requests.exceptions.RequestException as error:
        raise DataError(
            f"{entry.name}: is not in the cache and cannot be downloaded "
            f"({_reason(error)}). {_by_hand(entry, place)}"
        ) from error
    except OSError as error:
        raise DataError(
            f"{entry.name}: the cache {place.parent} cannot be written "
            f"({error.strerror or 'refused by the system'}). Set WAISTATS_CACHE to a "
            "writable folder."
        ) from error
    except ValueError as error:
        raise DataError(
            f"{entry.name}: what {entry.address} sent is not the pinned file (its "
            "SHA-256 differs), so it was discarded. Try again later; if this persists, a "
            "proxy may alter or truncate downloads."
        ) from error


def _reason(error: Any) -> str:
    import requests

    status = getattr(error.response, "status_code", None)
    if status:
        return f"the server answered {status}"
    # in the middle of a file a silent server is a ConnectionError, too
    if isinstance(error, requests.exceptions.Timeout) or "timed out" in str(error):
        return f"the server did not respond within {_SECONDS} seconds"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "the connection was interrupted"
    return "no connection"
