"""In which precision a study computes: as the config says, or as it was measured, and then for good."""

from types import SimpleNamespace

import pytest
import torch

from tunelab.errors import UserError
from tunelab.models import device, precision
from tunelab.records import read_json, write_json


@pytest.fixture
def on_gpu(monkeypatch):
    """Have a GPU of a given capability."""

    def pretend(capability):
        monkeypatch.setattr(precision, "choose_device", lambda: torch.device("cuda"))
        monkeypatch.setattr(precision, "describe_device", lambda device: "a GPU")
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)

    return pretend


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        ({"float32": 4.0, "bfloat16": 1.0}, "bfloat16"),
        ({"float32": 1.3, "bfloat16": 1.0}, "bfloat16"),
        ({"float32": 1.2, "bfloat16": 1.0}, "float32"),
        ({"float32": 1.0, "bfloat16": 2.0}, "float32"),
    ],
)
def test_a_cpu_computes_in_bfloat16_only_where_that_was_measured_to_be_clearly_faster(
    monkeypatch, llama, seconds, expected
):
    asked = []
    monkeypatch.setattr(precision, "time_products", lambda shape: asked.append(shape) or seconds)
    decision, measured = precision.decide_precision(llama, "auto")
    assert decision == {"dtype": expected, "device": device.describe_device(torch.device("cpu"))}
    assert measured["seconds"] == seconds
    assert asked == [measured["shape"]] == [[1024, 64, 128]]  # the model's hidden and intermediate size


def test_products_of_both_kinds_are_timed(monkeypatch):
    clock = iter(range(1000))
    monkeypatch.setattr(precision, "time", SimpleNamespace(perf_counter=lambda: float(next(clock)) ** 2))
    # the first round is not counted; of the others the shortest is
    assert precision.time_products([8, 4, 4]) == {"float32": 9.0, "bfloat16": 13.0}


@pytest.mark.parametrize(("capability", "expected"), [((7, 5), "float16"), ((8, 0), "bfloat16")])
def test_a_gpu_without_bfloat16_computes_in_float16(on_gpu, llama, capability, expected):
    on_gpu(capability)
    assert precision.decide_precision(llama, "auto") == (
        {"dtype": expected, "device": "a GPU"},
        {"asked": "auto", "shape": None, "seconds": None},
    )


def test_what_the_config_says_is_taken_without_measuring(monkeypatch, llama):
    monkeypatch.setattr(precision, "time_products", None)
    assert precision.decide_precision(llama, "bfloat16")[0]["dtype"] == "bfloat16"


def test_float16_on_a_cpu_is_refused_with_the_key(tmp_path, llama):
    with pytest.raises(UserError, match=r"study\.precision: float16 on a CPU .* take auto, float32 or bfloat16"):
        precision.decide_precision(llama, "float16")
    write_json(tmp_path / "precision.json", {"dtype": "float32", "device": "x"})
    with pytest.raises(UserError, match=r"precision: float16 on a CPU"):
        precision.load_precision(tmp_path / "precision.json", "float16")


def test_every_job_obeys_the_decision_and_another_machine_is_told(tmp_path, capsys):
    file = tmp_path / "precision.json"
    write_json(file, {"dtype": "bfloat16", "device": device.describe_device(torch.device("cpu"))})
    assert precision.load_precision(file) == torch.bfloat16
    assert capsys.readouterr().out == ""
    write_json(file, read_json(file) | {"device": "a GPU"})
    assert precision.load_precision(file) == torch.bfloat16
    assert "bfloat16 was chosen on another machine (a GPU) and holds on this one (CPU" in capsys.readouterr().out


def test_a_runs_own_precision_goes_before_the_studys(tmp_path):
    write_json(tmp_path / "precision.json", {"dtype": "bfloat16", "device": "x"})
    assert precision.load_precision(tmp_path / "precision.json", "float32") == torch.float32
