"""A token that a study is fetched with is sent to the Hub, and stands in no file that the study leaves behind."""

import pytest
import yaml

from tests.study_copy import copy_project, run_snakemake
from tests.unit.sources import hub_standin

hub = pytest.fixture(hub_standin.serve)
TOKEN = "hf_AbCdEfGhIjKlMnOpQrStUvWxYz"
TARGETS = ["results/models/hubbed/card.json", "results/datasets/hubbed/card.json"]


def test_no_file_of_a_study_holds_the_token(hub, tmp_path):
    hub.commit("models/org/tiny", hub_standin.build_model_files(tmp_path))
    project = copy_project(tmp_path / "project")
    environment = {"HF_TOKEN": TOKEN, "HF_HOME": str(tmp_path / "home"), "NO_PROXY": "127.0.0.1,localhost"}
    arguments = ["--cores", "1", *TARGETS, "--configfile", "config/mine.yaml"]

    def fetch(model: str) -> str:
        study = {
            "hub": {"endpoint": hub.endpoint},
            "models": {"hubbed": {"source": "hub", "repo_id": model, "revision": "main"}},
            "datasets": {
                "hubbed": {
                    "fetch": {"source": "hub", "repo_id": "org/sums", "subset": "main"},
                    "prepare": {"format": "question_answer", "validation": 1, "test": 1},
                }
            },
        }
        (project / "config/mine.yaml").write_text(yaml.safe_dump(study))
        return run_snakemake(project, *arguments, **environment)

    refusal = hub_standin.refuse(403, "GatedRepo", X_Error_Message=f"No access with {TOKEN}.")
    hub.misbehave("org/gated/resolve", refusal, always=True)
    with pytest.raises(AssertionError, match=r"org/gated is gated.* It says: 'No access with \*\*\*\.'") as said:
        fetch("org/gated")
    printed = str(said.value) + fetch("org/tiny")
    assert all((project / target).exists() for target in TARGETS)
    assert f"Bearer {TOKEN}" in {request.headers.get("authorization") for request in hub.asked}

    files = [path for path in project.rglob("*") if path.is_file()]
    places = {path.relative_to(project).parts[0] for path in files}
    assert {".snakemake", "results", "work"} <= places
    assert [path for path in files if TOKEN.encode() in path.read_bytes()] == []
    assert TOKEN not in printed
