from tests.unit.config.default_config import load
from tunelab.config.study import Study
from tunelab.reporting.settings import list_unused_epochs


def test_runs_whose_epochs_are_not_used_are_named_on_the_page():
    overlay = {"runs": {"lora": {"training": {"num_train_epochs": 3}}}}
    assert list_unused_epochs(Study(load(overlay).describe_study())) == ["lora"]
    overlay["runs"]["lora"]["training"]["max_steps"] = -1
    assert list_unused_epochs(Study(load(overlay).describe_study())) == []
