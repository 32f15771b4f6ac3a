"""The Hub as the project meets it when all is well: what is fetched, how it is reached, and that it stays the same."""

import gzip
import io
import json
import shutil
import subprocess
import zipfile

import pytest
from datasets import load_from_disk

from tests.unit.sources import hub_standin
from tests.unit.sources.hub_standin import MODEL, README, TABLES, WEIGHTS, build_model_files, fetch
from tunelab.records import read_json

hub = pytest.fixture(hub_standin.serve)
TINY, SUMS = {"repo_id": "org/tiny"}, {"repo_id": "org/sums", "subset": "main"}
HUGE = "- {config_name: main, dataset_size: 1000000000000000000, download_size: 1}\n"
NEWER = MODEL | {"config.json": b'{"newer": true}'}
both = pytest.mark.parametrize(("kind", "spec"), [("model", TINY), ("dataset", SUMS)])


def read_card(place) -> dict:
    return read_json(place / "results/card.json")


def test_a_model_is_fetched_at_a_recorded_commit_without_pickled_weights_and_code(hub, tmp_path):
    assert fetch(tmp_path, "model", hub.endpoint, **TINY) == ""
    card = read_card(tmp_path)
    assert card["revision"] == hub.branches["models/org/tiny"]["main"] and card["licence"] == "mit"
    assert card["source"] == {"source": "hub", "repo_id": "org/tiny", "revision": "main", "licence": None}
    assert [file["path"] for file in card["files"]] == ["config.json", "model.safetensors", "tokenizer.json"]
    assert (tmp_path / "results/data/model.safetensors").read_bytes() == WEIGHTS
    asked = [request.path for request in hub.asked]
    assert len(asked) == 5  # the description; three files, one of which is redirected
    assert not [path for path in asked if "pytorch_model.bin" in path or "onnx" in path or ".py" in path]


def test_a_model_with_pickled_weights_only_is_refused(hub, tmp_path):
    said = fetch(tmp_path, "model", hub.endpoint, repo_id="org/pickled")
    assert "models.tiny: the weights are pickled (pytorch_model.bin), a format that can run code" in said
    assert not hub.contents("pytorch_model.bin")


def test_a_model_that_lacks_some_of_its_weights_is_refused(hub, tmp_path):
    index = {"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}
    files = {
        "config.json": b"{}",
        "model-1.safetensors": b"1",
        "model.safetensors.index.json": json.dumps(index).encode(),
    }
    hub.commit("models/org/partial", files)
    said = fetch(tmp_path, "model", hub.endpoint, repo_id="org/partial")
    assert "model.safetensors.index.json names 'model-2.safetensors', and there is no such file" in said


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    return build_model_files(tmp_path_factory.mktemp("parts"))


def test_of_a_repository_only_what_the_model_is_loaded_from_is_brought(hub, tmp_path, parts):
    beside = {"consolidated.safetensors": WEIGHTS, "trainer_state.json": b"{}", "original.safetensors": WEIGHTS}
    hub.commit("models/org/whole", parts | beside)
    assert fetch(tmp_path, "model", hub.endpoint, repo_id="org/whole", whole=True) == ""
    assert {file["path"] for file in read_card(tmp_path)["files"]} == set(parts)
    assert not [name for name in beside if hub.contents(name)]


def test_a_model_from_the_hub_is_looked_into_as_one_of_the_disk_is(hub, tmp_path, parts):
    index = json.loads(parts["model.safetensors.index.json"])
    index["weight_map"].pop("lm_head.weight")
    from safetensors.numpy import load, save

    held = load(parts["a.safetensors"])
    held.pop("lm_head.weight")
    lacking = {
        "model.safetensors.index.json": json.dumps(index).encode(),
        "a.safetensors": save(held, {"format": "pt"}),
    }
    hub.commit("models/org/lacking", parts | lacking)
    said = fetch(tmp_path / "one", "model", hub.endpoint, repo_id="org/lacking", whole=True)
    assert "models.tiny: the weights lack 'lm_head.weight', which the model's config asks for" in said
    quantised = json.loads(parts["config.json"]) | {"quantization_config": {"quant_method": "awq"}}
    hub.commit("models/org/quantised", parts | {"config.json": json.dumps(quantised).encode()})
    said = fetch(tmp_path / "two", "model", hub.endpoint, repo_id="org/quantised")
    assert "models.tiny: config.json says that the weights are quantised ('awq')" in said
    assert not [request for request in hub.contents("org/quantised/") if request.path.endswith("a.safetensors")]


def test_a_data_set_is_fetched_with_its_own_test_split_and_without_other_subsets(hub, tmp_path):
    wanted = SUMS | {"test_split": "test"}
    assert fetch(tmp_path / "one", "dataset", hub.endpoint, **wanted) == ""
    card = read_card(tmp_path / "one")
    assert card["revision"] == hub.branches["datasets/org/sums"]["main"] and card["licence"] == "mit"
    assert card["rows"] == {"train": 2, "test": 1} and card["columns"] == ["question", "answer"]
    rows = load_from_disk(tmp_path / "one/results/data")
    assert rows["test"].to_list() == [{"question": "2 + 2", "answer": "4"}]
    assert not hub.contents("other/")
    tree = tmp_path / "one/work/hub/datasets--org--sums"
    assert not (tree / card["revision"]).exists() and len(list((tree / "blobs").iterdir())) == 3
    assert fetch(tmp_path / "two", "dataset", hub.endpoint, **wanted) == ""
    assert read_card(tmp_path / "two") == card


BROKEN = {
    "another subset": (TABLES, {"subset": "mian"}, "BuilderConfig 'mian' not found. Available: ['main', 'other']"),
    "no subset": (TABLES, {"subset": None}, "Please pick one among the available configs: ['main', 'other']"),
    "another split": (TABLES, {"split": "dev"}, "Unknown split \"dev\". Should be one of ['train', 'test']"),
    "a script": (
        {"sums.py": b"raise SystemExit"},
        {},
        "datasets.tiny.fetch.repo_id: org/sums is made by a script of its own, sums.py, and code from the Hub is not",
    ),
    "no data": ({"README.md": b"# Nothing"}, {"subset": None}, "the files of org/sums cannot be read as a table ("),
    "no rows": (
        TABLES | {"main/test.jsonl": b"no json\n"},
        {},
        "datasets.tiny.fetch.repo_id: the files of org/sums cannot be read as a table (JSON parse error",
    ),
    "too many rows": (
        TABLES | {"README.md": README.replace("configs:", f"dataset_info:\n{HUGE}configs:").encode()},
        {},
        "datasets.tiny.fetch: fetching org/sums needs 1e+09 GB on the disk of {place}/work, of which ",
    ),
    "files of two kinds": (
        TABLES | {"README.md": README.replace("main/test.jsonl", "main/test.csv").encode(), "main/test.csv": b"a\n1"},
        {},
        "the files of org/sums cannot be read as a table (Couldn't infer the same data file format for all splits.",
    ),
    "files of others": (
        TABLES | {"README.md": README.replace("main/train.jsonl", "{place}/*.jsonl").encode()},
        {},
        "datasets.tiny.fetch.repo_id: org/sums names files that are not its own ({place}/mine.jsonl).",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_data_set_that_cannot_be_used_is_said_in_a_sentence(hub, tmp_path, case):
    files, changes, sentence = BROKEN[case]
    (tmp_path / "mine.jsonl").write_text('{"question": "mine", "answer": "mine"}')
    place = str(tmp_path)
    hub.commit("datasets/org/sums", {path: text.replace(b"{place}", place.encode()) for path, text in files.items()})
    said = fetch(tmp_path, "dataset", hub.endpoint, **SUMS | changes)
    assert sentence.replace("{place}", place) in said
    assert said.count("\n") <= 1 and "load_dataset" not in said


def test_archives_and_compressed_files_are_read(hub, tmp_path):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("rows.jsonl", '{"text": "one"}\n')
    for name, content in (("rows.zip", packed.getvalue()), ("rows.jsonl.gz", gzip.compress(b'{"text": "one"}\n'))):
        hub.commit("datasets/org/packed", {name: content})
        place = tmp_path / name
        assert fetch(place, "dataset", hub.endpoint, repo_id="org/packed") == ""
        assert load_from_disk(place / "results/data")["train"].to_list() == [{"text": "one"}]


@pytest.mark.parametrize(
    ("kind", "spec"), [("model", TINY), ("dataset", SUMS), ("dataset", {"repo_id": "org/plain", "test_split": "test"})]
)
def test_what_was_fetched_once_needs_no_hub(hub, tmp_path, kind, spec):
    hub.commit("datasets/org/plain", {path.rpartition("/")[2]: TABLES[path] for path in TABLES if "main/" in path})
    assert fetch(tmp_path, kind, hub.endpoint, **spec) == ""
    card = (tmp_path / "results/card.json").read_bytes()
    hub.asked.clear()
    for variables in ({}, {"HF_HUB_OFFLINE": "1"}):
        shutil.rmtree(tmp_path / "results")
        assert fetch(tmp_path, kind, hub.endpoint, variables, **spec) == ""
        assert hub.asked == [] and (tmp_path / "results/card.json").read_bytes() == card
    assert len(list((tmp_path / "work/datasets").rglob("*.arrow"))) == (2 if kind == "dataset" else 0)  # made once


@both
def test_offline_says_what_is_lacking_and_how_to_get_it(hub, tmp_path, kind, spec):
    said = fetch(tmp_path, kind, hub.endpoint, {"HF_HUB_OFFLINE": "1"}, **spec)
    assert (
        f"HF_HUB_OFFLINE is set, and of {spec['repo_id']} 'main' was not fetched before. Unset HF_HUB_OFFLINE" in said
    )
    assert fetch(tmp_path, kind, hub.endpoint, **spec) == ""
    shutil.rmtree(tmp_path / "results")
    next((tmp_path / "work/hub").glob("*/blobs/*")).unlink()
    said = fetch(tmp_path, kind, hub.endpoint, {"HF_HUB_OFFLINE": "1"}, **spec)
    assert "1 of its files were not fetched before" in said and "bring work/downloads from a machine" in said


def test_a_branch_is_looked_up_once_and_a_changed_remote_changes_nothing(hub, tmp_path):
    old = hub.branches["models/org/tiny"]["main"]
    assert fetch(tmp_path, "model", hub.endpoint, **TINY) == ""
    new = hub.commit("models/org/tiny", NEWER)
    shutil.rmtree(tmp_path / "results")
    assert fetch(tmp_path, "model", hub.endpoint, **TINY) == ""
    assert read_card(tmp_path)["revision"] == old != new
    pin = tmp_path / "work/hub/models--org--tiny/refs/main"
    log = (tmp_path / "log").read_text()
    assert f"org/tiny at {old}, recorded for 'main'; to use the newest, delete {pin} and run with `--forcerun" in log
    # one commit by name leaves the record alone; what both have in common is not fetched again
    hub.asked.clear()
    assert fetch(tmp_path, "model", hub.endpoint, **TINY, revision=new) == ""
    assert read_card(tmp_path)["revision"] == new and pin.read_text() == f"{old}\n"
    assert [request.path.rpartition("/")[2] for request in hub.contents()] == ["config.json"]
    # the newest on purpose
    pin.unlink()
    assert fetch(tmp_path, "model", hub.endpoint, **TINY) == ""
    assert read_card(tmp_path)["revision"] == new and pin.read_text() == f"{new}\n"


def test_no_revision_is_looked_up_once_too(hub, tmp_path):
    assert fetch(tmp_path, "dataset", hub.endpoint, **SUMS, revision=None) == ""
    first = read_card(tmp_path)
    hub.commit("datasets/org/sums", TABLES | {"main/train.jsonl": b'{"question": "new", "answer": "new"}\n'})
    assert fetch(tmp_path, "dataset", hub.endpoint, **SUMS, revision=None) == ""
    assert read_card(tmp_path) == first and first["rows"]["train"] == 2


def test_a_recorded_commit_that_is_gone_is_said_and_not_replaced(hub, tmp_path):
    old = hub.branches["models/org/tiny"]["main"]
    assert fetch(tmp_path, "model", hub.endpoint, **TINY) == ""
    new = hub.commit("models/org/tiny", NEWER)
    del hub.history["models/org/tiny"][old]
    assert fetch(tmp_path, "model", hub.endpoint, **TINY) == ""  # all of it is here
    place = tmp_path / "work/hub/models--org--tiny"
    sentence = (
        f"models.tiny.revision: commit {old}, which was recorded for 'main' when it was first fetched, is no longer in "
        f"org/tiny. To use the newest instead, delete {place}/refs/main and run again."
    )
    for lost in (place / "blobs", place / f"{old}.json"):
        shutil.rmtree(tmp_path / "results")
        shutil.rmtree(lost) if lost.is_dir() else lost.unlink()
        assert fetch(tmp_path, "model", hub.endpoint, **TINY) == sentence
    (place / "refs/main").unlink()
    assert fetch(tmp_path, "model", hub.endpoint, **TINY) == ""
    assert read_card(tmp_path)["revision"] == new


def test_two_jobs_that_want_the_same_repository_fetch_it_once(hub, tmp_path):
    hub.misbehave("store", hub_standin.cut(1000, "hold"))
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "work").symlink_to(tmp_path)
    jobs = [
        hub_standin.start_fetch(tmp_path / name, "model", hub.endpoint, {"HF_HUB_DOWNLOAD_TIMEOUT": "1"}, **TINY)
        for name in ("one", "two")
    ]
    for job in jobs:
        job.join()
    assert [job.exitcode for job in jobs] == [0, 0]
    assert [request.sent for request in hub.contents("store")] == [1000, 255_000]
    assert read_card(tmp_path / "one") == read_card(tmp_path / "two")


def test_a_licence_that_is_another_than_the_hubs_has_its_name(hub, tmp_path):
    hub.card = {"license": "other", "license_name": "own-research"}
    assert fetch(tmp_path, "model", hub.endpoint, **TINY) == ""
    assert read_card(tmp_path)["licence"] == "own-research"


def test_mirror_and_proxy_come_from_the_config_or_else_from_the_environment(hub, tmp_path):
    nowhere = dict.fromkeys(("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy"), "http://127.0.0.1:9")
    hub.store = "http://store.example"
    for place, mirror, proxy, variables in (
        ("config", "http://hub.example/", hub.endpoint, nowhere | {"HF_ENDPOINT": "http://127.0.0.1:9"}),
        ("environment", None, None, {"HF_ENDPOINT": "http://hub.example", "HTTP_PROXY": hub.endpoint}),
    ):
        hub.asked.clear()
        assert fetch(tmp_path / place, "model", mirror, variables, proxy, **TINY) == ""
        assert len(hub.asked) > 3
        assert {request.path.split("/")[2] for request in hub.asked} == {"hub.example", "store.example"}


def test_a_proxy_that_refuses_is_said(hub, tmp_path):
    said = fetch(tmp_path, "model", "https://hub.example", None, hub.endpoint, **TINY)  # it knows no CONNECT
    assert "models.tiny: the proxy refuses to connect to https://hub.example (501 " in said
    assert "Check hub.proxy, or HTTPS_PROXY if hub.proxy is not set" in said


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
def test_a_proxy_that_is_not_there_is_named_and_its_password_is_not(tmp_path, name):
    said = fetch(tmp_path, "model", "https://hub.example", {name: "http://me:secret@127.0.0.1:9"}, **TINY)
    assert f"cannot be reached for org/tiny through the proxy http://***@127.0.0.1:9 ({name}): ConnectError." in said
    assert "secret" not in said and "set hub.proxy to a proxy" not in said


def test_a_proxy_of_the_config_that_is_not_there_is_named(tmp_path):
    said = fetch(tmp_path, "model", "https://hub.example", None, "127.0.0.1:9", **TINY)
    assert "through the proxy 127.0.0.1:9 (https_proxy): ConnectError. See whether that proxy runs and is spelt" in said
    assert "in hub.proxy or else in the variable" in said


@pytest.mark.parametrize(
    ("name", "value"),
    [("ALL_PROXY", "socks5://127.0.0.1:1080"), ("http_proxy", "ftp://host"), ("HTTPS_PROXY", "http://host:port")],
)
def test_a_proxy_of_a_kind_that_cannot_work_is_refused_by_its_variable(hub, tmp_path, name, value):
    said = fetch(tmp_path / "refused", "model", hub.endpoint, {name: value}, **TINY)
    assert f"{name}: '{value}' is no address of an HTTP proxy" in said and not hub.asked
    assert "Traceback" not in said
    # the config's own goes before it
    assert fetch(tmp_path / "taken", "model", hub.endpoint, {name: value}, "http://127.0.0.1:9", **TINY) == ""


@pytest.mark.parametrize("where", ["HF_TOKEN_PATH", "HF_HOME"])
def test_the_token_comes_from_the_store_of_the_login(hub, tmp_path, where):
    (tmp_path / "token").write_text("hf_mine\n")
    variables = {where: {"HF_TOKEN_PATH": f"{tmp_path}/token", "HF_HOME": str(tmp_path)}[where]}
    assert fetch(tmp_path, "model", hub.endpoint, variables, **TINY) == ""
    sent = [request.headers.get("authorization") for request in hub.asked if not request.to_store]
    assert sent == ["Bearer hf_mine"] * 4


@pytest.fixture
def mount_disk(tmp_path):
    """Return a function that makes a folder a disk of so many kilobytes."""
    disks = []

    def mount(name: str, kilobytes: int):
        (tmp_path / name).mkdir()
        options = ["-t", "tmpfs", "-o", f"size={kilobytes}k", "none", str(tmp_path / name)]
        if subprocess.run(["mount", *options], capture_output=True).returncode:
            pytest.skip("nothing can be mounted here")
        disks.append(tmp_path / name)

    yield mount
    for disk in disks:
        subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.parametrize("full", ["work", "results"])
def test_a_download_that_does_not_fit_is_not_begun(hub, tmp_path, mount_disk, full):
    mount_disk(full, 200)
    said = fetch(tmp_path, "model", hub.endpoint, **TINY)
    assert "models.tiny: fetching org/tiny needs 0.000256 GB on the disk of" in said
    assert f" on the disk of {tmp_path / full}, of which 0.00" in said and " are free. Free some space, or" in said
    assert not hub.contents("store")


def test_what_is_here_already_needs_no_space(hub, tmp_path, mount_disk):
    mount_disk("work", 300)
    hub.misbehave("store", hub_standin.cut(200_000), hub_standin.refuse(404))
    assert "answered 404" in fetch(tmp_path, "model", hub.endpoint, **TINY)  # 0.2 of 0.3 MB are taken now
    assert fetch(tmp_path, "model", hub.endpoint, **TINY) == ""
    shutil.rmtree(tmp_path / "results")
    assert fetch(tmp_path, "model", hub.endpoint, **TINY) == ""
    assert len(hub.contents("store")) == 3
