"""Describe a bundle of a study as an RO-Crate, by the profile of workflow runs.

https://w3id.org/ro/crate/1.1, https://w3id.org/ro/wfrun/workflow/0.5, https://w3id.org/workflowhub/workflow-ro-crate/1.0
"""

import hashlib
from pathlib import PurePosixPath
from typing import Any

from tunelab.jobs.layout import StudyFolder
from tunelab.values import list_names

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

    members: what is in it, by path; cards: of the jobs that made it; weights: path, sha256 and, if known, bytes of what
    is left out.
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
        "It holds no weights and no rows of data sets; files of weights are named by their hashes."
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
