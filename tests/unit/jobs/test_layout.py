"""Where a study's artefacts lie, and which files of the user are behind them."""

import pytest

from tunelab.config.specs.sources import GeneratedDataset, LocalDataset, LocalModel
from tunelab.errors import UserError
from tunelab.jobs.layout import StudyFolder, list_local_files
from tunelab.records import write_json, write_jsonl


@pytest.fixture
def folder(tmp_path):
    return StudyFolder(tmp_path / "anywhere", {"study": {"results": "results/mine"}})


def test_an_artefact_is_named_as_people_type_it_wherever_the_folder_lies(folder):
    path = folder.task_file("lora", 1, "sums", "scores.jsonl")
    assert folder.name(path) == "results/mine/runs/lora/seed1/sums/scores.jsonl"
    assert (
        folder.name(folder.noise_file("again", "sums", "scores.jsonl")) == "results/mine/noise/again/sums/scores.jsonl"
    )


def test_an_artefact_is_read_by_its_ending(folder):
    rows = folder.dataset_file("sums", "test_dataset.json")
    write_jsonl(rows, [{"id": "a"}, {"id": "b"}])
    write_json(folder.model_file("tiny", "card.json"), {"model": "tiny"})
    assert folder.load(rows) == [{"id": "a"}, {"id": "b"}]
    assert folder.load(folder.model_file("tiny", "card.json")) == {"model": "tiny"}


def test_a_missing_artefact_is_named_with_the_command_that_makes_it(folder):
    with pytest.raises(
        UserError, match=r"^results/mine/results\.json is missing\. Run `snakemake --cores all results/"
    ):
        folder.load(folder.results_file)


def test_the_users_own_files_are_listed_if_they_are_there(tmp_path):
    for name in ("train.jsonl", "model/config.json", "model/model.safetensors", "model/deep/other.json"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("{}", encoding="utf-8")
    there, missing = str(tmp_path / "train.jsonl"), str(tmp_path / "test.jsonl")
    assert list_local_files(LocalDataset(source="local", files=(there,), test_files=(missing,))) == [there]
    model = list_local_files(LocalModel(source="local", path=str(tmp_path / "model")))
    assert model == [str(tmp_path / "model" / name) for name in ("config.json", "model.safetensors")]
    assert list_local_files(GeneratedDataset(source="generated", rows=1, test_rows=1)) == []
