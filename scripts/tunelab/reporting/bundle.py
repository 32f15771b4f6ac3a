"""Pack what shows and proves a study into one zip: an RO-Crate with sums, provenance and a README, and no weights.

The same files give the same bytes: order and times are fixed. What would name places and machines is left out of it
(absolute paths keep their last part, cards lose the host), so such a file differs from the one that its card hashed.
"""

import hashlib
import io
import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePath
from typing import Any

from tunelab.errors import UserError
from tunelab.jobs.layout import StudyFolder
from tunelab.reporting.crate import METADATA, SUMS, build_crate
from tunelab.reporting.origin import find_cards
from tunelab.reporting.settings import write_config

TIME = (1980, 1, 1, 0, 0, 0)  # the first that a zip can tell
README = """\
# {title}

A study made by tunelab, as an [RO-Crate](https://w3id.org/ro/crate/): `{metadata}` says what each file is.

- Open `report.html` in a browser; it needs no network. `results.json` has every number with its interval and sources,
  `tables/` and `figures/` what the page shows, `paper/` a text in LaTeX (which takes its figures from `figures/`).
- Verify: `sha256sum --check {sums}` in this folder. `cards/` tells of each job what it read and wrote, by hashes.
- Estimate the numbers again from the answers' scores, in a clone of the workflow{commit} after `make setup`, with this
  folder in place of `{results}`:

      .venv/bin/snakemake --cores 1 --configfile {results}/study.yaml \\
        --allowed-rules compare_methods --forcerun compare_methods -- {results}/results.json

- Run the study again, from the models and data sets on: save `study.yaml` in the clone and type
  `make report CONFIG=study.yaml`. Paths of local files are left out but for their last part (`…/name`): write yours.

Weights are not in here; `{metadata}` names their hashes. Nor are rows of data sets, which keep their own licences.
Who the author is and under which licence the results are shared is for you to add to `{metadata}`.
"""


def pack_bundle(study: StudyFolder, files: list[Path], project: list[Path]) -> bytes:
    """Return the zip of these artefacts and files of the project, with what describes them.

    Raises:
        UserError: if no card tells what made the results.
    """
    cards = find_cards(study, files)
    if not cards:
        raise UserError(
            f"{study.name(study.root / 'cards')} has no card that tells what made {study.name(study.results_file)}; "
            "run `make report` first."
        )
    members = {path.relative_to(study.root).as_posix(): path.read_bytes() for path in files}
    members |= {_place(path): path.read_bytes() for path in project}
    members |= {path.relative_to(study.root).as_posix(): path.read_bytes() for path in cards}
    members["study.yaml"] = write_config(study).encode()
    read = list(cards.values())
    places = sorted({*list_places(study.spec), *(place for card in read for place in list_places(card))}, key=len)
    members = {name: _hide(content, places[::-1]) for name, content in members.items()}
    commits = {card["commit"] for card in read} - {None}
    members["README.md"] = README.format(
        title=" ".join(study.spec["study"]["title"].split()),
        commit=f" at the commit `{max(commits)}`" if len(commits) == 1 else "",
        **{"results": study.spec["study"]["results"], "metadata": METADATA, "sums": SUMS},
    ).encode()
    members = dict(sorted(members.items()))
    crate = build_crate(study, members, read, list_weights(study, read))
    members[METADATA] = (json.dumps(crate, ensure_ascii=False, indent=1) + "\n").encode()
    sums = "".join(f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in sorted(members.items()))
    return _zip(members | {SUMS: sums.encode()})


def list_weights(study: StudyFolder, cards: list[dict]) -> list[dict]:
    """List path, sha256 and, where a card has it, size of the files of weights behind a study."""
    models = [(model, study.load(study.model_file(model, "card.json"))) for model in study.spec["models"]]
    sizes = {f"models/{model}/model/{file['path']}": file["bytes"] for model, card in models for file in card["files"]}
    prefix = f"{study.spec['study']['results']}/"
    made = {path: digest for card in cards for path, digest in card["outputs"].items()}
    weights = {path.removeprefix(prefix): digest for path, digest in made.items() if path.endswith(".safetensors")}
    return [
        {"path": path, "sha256": digest, **({"bytes": sizes[path]} if path in sizes else {})}
        for path, digest in sorted(weights.items())
    ]


def list_places(value: Any) -> Iterator[str]:
    """Yield the absolute paths in plain values: texts that are one, and those that a fact quotes."""
    if isinstance(value, dict):
        value = [*value, *value.values()]
    if isinstance(value, list):
        for item in value:
            yield from list_places(item)
    elif isinstance(value, str):
        for text in (value, *re.findall(r"'(/[^']*)'", value)):
            if re.fullmatch(r"/[^\n/]+(/[^\n/]+)+/?", text):
                yield text


def _hide(content: bytes, places: list[str]) -> bytes:
    for place in places:
        content = content.replace(place.encode(), f"…/{PurePath(place).name}".encode())
    content = re.sub(rb'^ "host": ".*"', b' "host": null', content, flags=re.M)
    return re.sub(rb"(events\.out\.tfevents\.\d+)\.[^\"/]*", rb"\1", content)  # TensorBoard names its host in files


def _place(path: Path) -> str:
    """Return where a file of the project lies in the bundle."""
    return (
        f"workflow/rules/{path.name}"
        if path.suffix == ".smk"
        else ("workflow/" * (path.name == "Snakefile")) + path.name
    )


def _zip(members: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as bundle:
        for name, content in sorted(members.items()):
            info = zipfile.ZipInfo(name, TIME)
            info.create_system, info.external_attr = 3, 0o644 << 16  # as on Unix, wherever it is packed
            info.compress_type = zipfile.ZIP_DEFLATED
            bundle.writestr(info, content)
    return packed.getvalue()
