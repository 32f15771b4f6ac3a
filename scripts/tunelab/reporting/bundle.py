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
from pathlib import Path, PurePath, PurePosixPath
from typing import Any

from tunelab.errors import UserError
from tunelab.jobs.layout import StudyFolder
from tunelab.reporting.every_eval import list_samples
from tunelab.reporting.facts import find_cards
from tunelab.reporting.settings import write_config
from tunelab.values import list_names

# --- The metadata: an RO-Crate by the profile of workflow runs, whose specifications PROFILES names

METADATA = "ro-crate-metadata.json"
SUMS = "SHA256SUMS"
WORKFLOW = "workflow/Snakefile"
RO_CRATE = "https://w3id.org/ro/crate/1.1"
WORKFLOW_CRATE = "https://w3id.org/workflowhub/workflow-ro-crate/1.0"
PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": ("Process Run Crate", "0.5"),
    "https://w3id.org/ro/wfrun/workflow/0.5": ("Workflow Run Crate", "0.5"),
    WORKFLOW_CRATE: ("Workflow RO-Crate", "1.0"),
}
# terms of the profile of runs that RO-Crate's own context lacks
TERMS = {"sha256": "https://w3id.org/ro/terms/workflow-run#sha256"}
SNAKEMAKE = "https://w3id.org/workflowhub/workflow-ro-crate#snakemake"
FORMATS = {
    **{".html": "text/html", ".csv": "text/csv", ".md": "text/markdown", ".svg": "image/svg+xml"},
    **{".json": "application/json", ".jsonl": "application/jsonl", ".yaml": "application/yaml"},
    **{".pdf": "application/pdf", ".tex": "application/x-tex", ".bib": "application/x-bibtex"},
}
LICENCE = (
    "The files of the workflow are under the MIT licence (LICENSE). Models and data sets keep their own, which their "
    "cards name; under which licence results and answers are shared is for their author to say."
)


def build_crate(study: StudyFolder, members: dict[str, bytes], cards: list[dict], weights: list[dict]) -> dict:
    """Build the metadata of a bundle.

    members: its files by their paths; cards: those of the jobs that made them; weights: path, sha256 and, if known,
    bytes of the files that are left out.
    """
    software = _list_software(cards)
    runs = sorted(path for path in members if path.startswith("cards/"))
    results = [path for path in ("results.json", "report.html") if path in members]
    read = [path for path in members if PurePosixPath(path).name == "card.json"]
    return {
        "@context": [f"{RO_CRATE}/context", TERMS],
        "@graph": [
            {
                **{"@id": METADATA, "@type": "CreativeWork", "about": {"@id": "./"}},
                "conformsTo": _refer([RO_CRATE, WORKFLOW_CRATE]),
            },
            {
                **{"@id": "./", "@type": "Dataset", "name": study.spec["study"]["title"]},
                "description": _describe(study),
                "datePublished": max(card["finished"] for card in cards),
                "license": {"@id": "#licence"},
                "conformsTo": _refer(PROFILES),
                "hasPart": _refer([*members, SUMS]),
                "mainEntity": {"@id": WORKFLOW},
                "mentions": _refer(["#run", *(f"#{entry['path']}" for entry in weights)]),
            },
            *(_describe_file(path, content) for path, content in members.items() if path != WORKFLOW),
            {"@id": SUMS, "@type": "File", "name": SUMS, "encodingFormat": "text/plain"},
            _describe_file(WORKFLOW, members[WORKFLOW])
            | {
                "@type": ["File", "SoftwareSourceCode", "ComputationalWorkflow"],
                "name": "tunelab, a workflow that fine-tunes language models in different ways and compares them",
                "programmingLanguage": {"@id": SNAKEMAKE},
                "creator": {"@id": "#developers"},
                "license": {"@id": "LICENSE"},
                "version": next(card["commit"] for card in _newest_first(cards)) or "unknown",
                "softwareRequirements": _refer([entry["@id"] for entry in software]),
            },
            {
                **{"@id": "#run", "@type": "CreateAction", "name": f"Run of the study in {len(cards)} jobs"},
                "instrument": {"@id": WORKFLOW},
                "startTime": min(card["started"] for card in cards),
                "endTime": max(card["finished"] for card in cards),
                "description": "All jobs whose outputs are here, or that these were made from; `cards/` tells of each.",
                "object": _refer(["study.yaml", *read]),
                "result": _refer([*results, *runs]),
            },
            {
                **{"@id": SNAKEMAKE, "@type": "ComputerLanguage", "name": "Snakemake"},
                **{"identifier": {"@id": "https://doi.org/10.1093/bioinformatics/bts480"}},
                **{"url": {"@id": "https://snakemake.readthedocs.io"}},
            },
            *software,
            *(_describe_weights(entry) for entry in weights),
            {"@id": "#developers", "@type": "Organization", "name": "The tunelab developers"},
            {"@id": "#licence", "@type": "CreativeWork", "name": "Several licences", "description": LICENCE},
            *(
                {"@id": profile, "@type": "CreativeWork", "name": name, "version": version}
                for profile, (name, version) in PROFILES.items()
            ),
        ],
    }


def _refer(names: Any) -> list[dict]:
    return [{"@id": name} for name in names]


def _newest_first(cards: list[dict]) -> list[dict]:
    return sorted(cards, key=lambda card: card["finished"], reverse=True)


def _describe(study: StudyFolder) -> str:
    spec = study.spec["study"]
    smoke = "A smoke study, whose numbers are no results: " if spec["smoke"] else ""
    return (
        f"{smoke}{len(study.runs)} runs, evaluated on {list_names(study.tasks, quoted=False)}. It holds the page, "
        "tables, figures, sources of a paper, every number, and the answers and scores that they are estimated from. "
        "It holds no weights and no training rows; files of weights are named by their hashes."
    )


def _describe_file(path: str, content: bytes) -> dict:
    return {
        **{"@id": path, "@type": "File", "name": path},
        **({"about": {"@id": "./"}} if path == "README.md" else {}),
        "contentSize": str(len(content)),
        "sha256": hashlib.sha256(content).hexdigest(),
        "encodingFormat": FORMATS.get(PurePosixPath(path).suffix, "text/plain"),
    }


def _describe_weights(entry: dict) -> dict:
    size = {"contentSize": str(entry["bytes"])} if "bytes" in entry else {}
    return {
        **{"@id": f"#{entry['path']}", "@type": "CreativeWork", "name": entry["path"], "sha256": entry["sha256"]},
        **size,
        "description": "Weights, which are not in this bundle.",
    }


def _list_software(cards: list[dict]) -> list[dict]:
    """List Python and the packages that the cards name, each with every version that was used."""
    facts = {fact for card in cards for fact in card["facts"] if fact.startswith("package ")}
    used = [fact.removeprefix("package ").split(" = ") for fact in facts]
    return [
        {
            **{"@id": f"pkg:pypi/{name}@{version}", "@type": "SoftwareApplication", "name": name},
            **{"softwareVersion": version, "url": {"@id": f"https://pypi.org/project/{name}/"}},
        }
        for name, version in sorted(used)
    ] + [
        {
            **{"@id": f"pkg:generic/python@{version}", "@type": "SoftwareApplication", "name": "Python"},
            **{"softwareVersion": version, "url": {"@id": "https://www.python.org/"}},
        }
        for version in sorted({card["python"] for card in cards})
    ]


# --- The zip

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

- `every_eval_ever/` has each question with the answer and whether it is right, in the format of every-eval-ever, which
  `make compare` and other tools read.

Weights are not in here; `{metadata}` names their hashes. Nor are training rows; test questions are, on the page and in
`every_eval_ever/`, and keep the licences of their data sets.
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
    ledger = [study.looks_file] if study.looks_file.is_file() else []  # no rule makes it
    members = {path.relative_to(study.root).as_posix(): path.read_bytes() for path in (*files, *ledger)}
    members |= {_place(path): path.read_bytes() for path in project}
    members |= {path.relative_to(study.root).as_posix(): path.read_bytes() for path in cards}
    members["study.yaml"] = write_config(study).encode()
    members |= list_samples(study)
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
    return zip_members(members | {SUMS: sums.encode()})


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
    """Yield the absolute paths in plain values: texts that are a path, and paths that a fact quotes."""
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


def zip_members(members: dict[str, bytes]) -> bytes:
    """Return a zip of files by their paths, the same bytes for the same files."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as bundle:
        for name, content in sorted(members.items()):
            info = zipfile.ZipInfo(name, TIME)
            info.create_system, info.external_attr = 3, 0o644 << 16  # as on Unix, wherever it is packed
            info.compress_type = zipfile.ZIP_DEFLATED
            bundle.writestr(info, content)
    return packed.getvalue()
