"""A model that was fetched is compared with the config before any job is planned."""

import pytest

from tests.unit.config.default_config import load, merge
from tests.unit.conftest import SHAPE
from tunelab import records
from tunelab.config.specs.sources import RandomModel, describe_source
from tunelab.errors import UserError
from tunelab.jobs.fetched import check_fetched
from tunelab.sources.models import fetch_model

WRONG = {"runs": {"lora": {"adapter": {"target_modules": ["query"]}}}}
PARTS = {"model_type": "llama", "modules": ["model", "model.q_proj"], "head": "lm_head", "layers": 1}
PARTS |= {"vocabulary": 9, "window": None, "routed": False, "parameters": ["model.q_proj.weight"]}
PARTS |= {"embedding": "embed_tokens", "tied": False, "kinds_of_layers": False}


@pytest.fixture
def known(tmp_path, monkeypatch):
    """Return a function that writes what is known of the default study's model."""
    monkeypatch.chdir(tmp_path)

    def write(**others):
        source = describe_source(load({}).models["smollm2"])
        records.write_json(tmp_path / "results/models/smollm2/modules.json", PARTS | {"source": source} | others)

    return write


def check(overlay):
    check_fetched(load(overlay), merge(overlay), "mine.yaml")


def test_a_module_that_the_fetched_model_has_not_got_is_told_with_its_key(known):
    known()
    with pytest.raises(UserError) as refusal:
        check(WRONG)
    assert str(refusal.value) == (
        "mine.yaml is not valid:\n"
        "  runs.lora.adapter.target_modules: the model has no module 'query' (it has 'model', 'q_proj')"
    )


def test_nothing_is_said_of_a_model_that_is_not_known_yet_or_is_another_now(known, tmp_path):
    check(WRONG)
    known(source={"source": "hub"})
    check(WRONG)
    (tmp_path / "results/models/smollm2/modules.json").write_text("half of a fi")
    check(WRONG)


def test_the_card_of_a_fetched_model_says_the_source_as_it_is_compared(tmp_path):
    spec = RandomModel(source="random", architecture={"model_type": "llama"} | SHAPE, chat_template="plain")
    fetch_model("mine", spec, tmp_path / "work", tmp_path / "model", tmp_path / "card.json")
    assert records.read_json(tmp_path / "card.json")["source"] == describe_source(spec)


def test_what_an_earlier_version_listed_is_no_list_to_compare_with(known, tmp_path):
    known()
    file = tmp_path / "results/models/smollm2/modules.json"
    records.write_json(file, {name: part for name, part in records.read_json(file).items() if name != "embedding"})
    check(WRONG)
