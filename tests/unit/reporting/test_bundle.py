"""A bundle holds what proves a study and nothing of the machine, and describes itself as RO-Crate asks."""

import hashlib
import io
import json
import subprocess
import zipfile

import pack_bundle
import pytest

from tests.unit.comparison.results_factory import build_study, write_results
from tests.unit.reporting.page_factory import PROJECT, write_comparison
from tunelab.errors import UserError
from tunelab.records import hash_file, write_json, write_text

PRIVATE = "/srv/people/me/my data/sums.jsonl"
HOST = "node17"
OWN = [PROJECT / name for name in ("requirements.lock", "LICENSE", "Snakefile", "rules/report.smk")]


def write_card(root, rule, outputs, inputs=(), hour="10", **more):
    """Write the card of a job that made files of a study from others."""
    hashes = {path: hash_file(root.parent / path) if (root.parent / path).exists() else "ab" * 32 for path in outputs}
    card = {
        **{"rule": rule, "wildcards": {}, "facts": ["package torch = 2.13.0+cpu", f"datasets.sums.path = '{PRIVATE}'"]},
        **{"inputs": dict.fromkeys(inputs, "cd" * 32), "outputs": hashes, "key": "0", "python": "3.11.7"},
        **{"platform": "Linux", "commit": "ef" * 20, "dirty": False, "seconds": 1.0, "host": HOST},
        **{"started": f"2026-01-01T{hour}:00:00+00:00", "finished": f"2026-01-01T{hour}:30:00+00:00"},
    }
    write_json(root / f"cards/{rule}.json", card | more)


@pytest.fixture
def study(tmp_path, monkeypatch):
    """A study in the folder `results`, with the cards of three jobs of it and of one that it does without."""
    monkeypatch.chdir(tmp_path)
    root, spec = tmp_path / "results", build_study()
    spec["datasets"]["sums"]["fetch"]["files"] = [PRIVATE]
    write_comparison(root, write_results(root, spec, rows=12))
    write_text(root / "report.html", f"<p>{PRIVATE}</p>\n")
    scores, adapter = "results/runs/grpo/seed1/arithmetic/scores.jsonl", "results/runs/grpo/seed1/adapter/a.safetensors"
    write_card(root, "train_grpo", [adapter, f"results/tensorboard/events.out.tfevents.17.{HOST}.1.0"], [PRIVATE], "08")
    write_card(root, "score_answers", [scores], [adapter], "09")
    write_card(root, "compare_methods", ["results/results.json"], [scores])
    write_card(root, "plot_gone", ["results/figures/gone.svg"], hour="11")
    return root, spec


def pack(study):
    root, spec = study
    files = [root / "results.json", root / "report.html", root / "runs/grpo/seed1/arithmetic/scores.jsonl"]
    pack_bundle.main("results", spec, [path.relative_to(root.parent) for path in files], OWN, root / "bundle.zip")
    with zipfile.ZipFile(io.BytesIO((root / "bundle.zip").read_bytes())) as bundle:
        return {name: bundle.read(name) for name in bundle.namelist()}


def read_graph(members):
    crate = json.loads(members["ro-crate-metadata.json"])
    assert crate["@context"][0] == "https://w3id.org/ro/crate/1.1/context"
    entities = {entity["@id"]: entity for entity in crate["@graph"]}
    assert len(entities) == len(crate["@graph"]), "one entity for each @id"
    return entities


def list_references(value):
    if isinstance(value, list):
        return [name for item in value for name in list_references(item)]
    if isinstance(value, dict):
        return [value["@id"]] if set(value) == {"@id"} else list_references(list(value.values()))
    return []


def test_the_sums_are_those_of_every_file(study, tmp_path):
    members = pack(study)
    for name, content in members.items():
        write_text(tmp_path / "opened" / name, content.decode())
    checked = subprocess.run(
        ["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=tmp_path / "opened", capture_output=True, text=True
    )
    assert checked.returncode == 0, checked.stderr
    assert checked.stdout.count(": OK") == len(members) - 1


def test_the_same_study_gives_the_same_bytes(study):
    pack(study)
    first = (study[0] / "bundle.zip").read_bytes()
    for path in study[0].rglob("*.json"):
        path.touch()
    pack(study)
    assert (study[0] / "bundle.zip").read_bytes() == first


def test_the_crate_describes_every_file_with_size_and_hash(study):
    members = pack(study)
    entities = read_graph(members)
    parts = {part["@id"] for part in entities["./"]["hasPart"]}
    assert parts == set(members) - {"ro-crate-metadata.json"}
    for name in parts - {"SHA256SUMS"}:
        entity, content = entities[name], members[name]
        assert "File" in entity["@type"] and entity["encodingFormat"]
        assert entity["contentSize"] == str(len(content))
        assert entity["sha256"] == hashlib.sha256(content).hexdigest()


def test_the_crate_has_what_the_profiles_demand(study):
    entities = read_graph(pack(study))
    descriptor, root = entities["ro-crate-metadata.json"], entities["./"]
    assert descriptor["@type"] == "CreativeWork" and descriptor["about"] == {"@id": "./"}
    assert {"@id": "https://w3id.org/ro/crate/1.1"} in descriptor["conformsTo"]
    assert root["@type"] == "Dataset" and root["name"] == study[1]["study"]["title"]
    assert root["datePublished"] == "2026-01-01T10:30:00+00:00"
    assert root["description"] and entities[root["license"]["@id"]]["description"]
    workflow = entities[root["mainEntity"]["@id"]]
    assert {"File", "SoftwareSourceCode", "ComputationalWorkflow"} == set(workflow["@type"])
    assert entities[workflow["programmingLanguage"]["@id"]]["@type"] == "ComputerLanguage"
    (run,) = (entity for entity in entities.values() if entity["@type"] == "CreateAction")
    assert run["instrument"] == root["mainEntity"] and run["startTime"] == "2026-01-01T08:00:00+00:00"
    assert {"@id": run["@id"]} in root["mentions"] and {"@id": "results.json"} in run["result"]
    outside = {name for entity in entities.values() for name in list_references(entity)} - set(entities)
    assert all(name.startswith("https://") for name in outside), "every other reference is described"


def test_weights_are_named_and_not_packed(study):
    members = pack(study)
    entities = read_graph(members)
    assert not [name for name in members if name.endswith(".safetensors")]
    assert entities["#runs/grpo/seed1/adapter/a.safetensors"]["sha256"] == "ab" * 32


def test_cards_are_those_of_the_jobs_behind_what_is_packed(study):
    members = pack(study)
    assert [name for name in members if name.startswith("cards/")] == [
        *("cards/compare_methods.json", "cards/score_answers.json", "cards/train_grpo.json"),
    ]


def test_nothing_names_a_place_or_the_machine(study):
    members = pack(study)
    for name, content in members.items():
        assert b"/srv/people" not in content and HOST.encode() not in content, name
    assert "…/sums.jsonl" in members["study.yaml"].decode() and "…/sums.jsonl" in members["report.html"].decode()
    card = json.loads(members["cards/train_grpo.json"])
    assert card["host"] is None and list(card["inputs"]) == ["…/sums.jsonl"]


def test_a_study_without_cards_is_refused(study):
    (study[0] / "cards/compare_methods.json").unlink()
    (study[0] / "cards/score_answers.json").unlink()
    with pytest.raises(UserError, match=r"results/cards has no card .* results/results\.json; run `make report` first"):
        pack(study)
