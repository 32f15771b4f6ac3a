"""The Hub as the project meets it: a server on this machine that answers as the Hub does, and its real client.

Each fetch runs in a process of its own, because the client reads its settings once, on import.
"""

import hashlib
import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from datasets import load_from_disk

from tunelab.records import read_json

SCRIPTS = Path(__file__).parents[2] / "scripts"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
README = """---
license: mit
configs:
- config_name: main
  data_files:
  - split: train
    path: main/train.jsonl
  - split: test
    path: main/test.jsonl
---
"""
MODEL = {"config.json": "{}", "model.safetensors": "weights", "tokenizer.json": "{}"}
REPOSITORIES = {
    "models/org/tiny": MODEL | {"pytorch_model.bin": "pickled", "onnx/config.json": "{}", "README.md": README},
    "models/org/pickled": {"config.json": "{}", "pytorch_model.bin": "pickled"},
    "models/org/gated": MODEL,
    "datasets/org/gated": {"README.md": README},
    "datasets/org/sums": {
        "README.md": README,
        "main/train.jsonl": '{"question": "1 + 1", "answer": "2"}\n{"question": "1 + 2", "answer": "3"}\n',
        "main/test.jsonl": '{"question": "2 + 2", "answer": "4"}\n',
    },
}
FETCH = """
import sys; from pathlib import Path; from pydantic import TypeAdapter
from tunelab import specs; from tunelab.errors import UserError
kind, spec, hub, place = sys.argv[1], sys.argv[2], sys.argv[3], Path(sys.argv[4])
main = __import__(f"fetch_{kind}").main
spec = TypeAdapter(specs.ModelSpec if kind == "model" else specs.DatasetSource).validate_json(spec)
try:
    main(place / "card.json", place / "data", "tiny", spec, specs.HubSettings.model_validate_json(hub), place / "work")
except UserError as error:
    sys.exit(f"UserError: {error}")
"""


class FakeHub(BaseHTTPRequestHandler):
    """Serves REPOSITORIES, each with one branch, main; remembers what was asked for."""

    asked: list[str]

    def do_GET(self):
        self.asked.append(f"{self.command} {self.path}")
        path = self.path.removeprefix("http://hub.example").split("?")[0]  # a proxy is asked for whole addresses
        if "/org/broken" in path:
            return self.reply(502)
        for name, files in REPOSITORIES.items():
            tree = f"/api/{name}/tree/{COMMIT}"
            if path in (f"/api/{name}", f"/api/{name}/revision/main", f"/api/{name}/revision/{COMMIT}"):
                siblings = [{"rfilename": file} for file in files]
                info = {"id": name, "sha": COMMIT, "cardData": {"license": "mit"}, "siblings": siblings}
                return self.reply(200, json.dumps(info))
            if path.startswith(f"/api/{name}/revision/"):
                return self.reply(404, error="RevisionNotFound")
            if path.startswith(tree):
                below = [file for file in files if file.startswith(path[len(tree) + 1 :])]
                entries = [{"type": "file", "path": file, "size": len(files[file]), "oid": "0"} for file in below]
                return self.reply(200, json.dumps(entries))
            place = f"/{name.removeprefix('models/')}/resolve/{COMMIT}/"
            if path.startswith(place):
                if name.endswith("gated"):
                    return self.reply(403, error="GatedRepo")
                file = path.removeprefix(place)
                return self.reply(200, files[file]) if file in files else self.reply(404, error="EntryNotFound")
        return self.reply(404, error="RepoNotFound")

    do_HEAD = do_GET

    def reply(self, status: int, body: str = "", error: str = ""):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", f'"{hashlib.sha1(body.encode()).hexdigest()}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("X-Error-Code", error)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body.encode())

    def log_message(self, *_):
        pass


@pytest.fixture
def hub():
    handler = type("Hub", (FakeHub,), {"asked": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", handler.asked
    server.shutdown()
    server.server_close()


def fetch(place: Path, kind: str, endpoint: str, variables: dict | None = None, proxy: str | None = None, **spec):
    """Fetch with the project's script; return the sentence that it ended with, empty if all went well."""
    settings = {"endpoint": endpoint, "proxy": proxy}
    arguments = [kind, json.dumps({"source": "hub", "revision": "main"} | spec), json.dumps(settings), str(place)]
    quiet = {"HF_HOME": str(place / "home"), "NO_PROXY": "127.0.0.1", "HF_HUB_DISABLE_TELEMETRY": "1"}
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    environment |= quiet | (variables or {})
    command = [sys.executable, "-c", FETCH, *arguments]
    done = subprocess.run(command, cwd=SCRIPTS, env=environment, capture_output=True, text=True)
    assert done.returncode == 0 or "\nUserError: " in f"\n{done.stderr}", done.stderr
    return done.stderr[done.stderr.index("UserError: ") :] if done.returncode else ""


def test_a_model_is_fetched_at_a_recorded_commit_without_pickled_weights(hub, tmp_path):
    endpoint, asked = hub
    assert fetch(tmp_path, "model", endpoint, repo_id="org/tiny") == ""
    card = read_json(tmp_path / "card.json")
    assert card["revision"] == COMMIT and card["licence"] == "mit"
    assert card["source"] == {"source": "hub", "repo_id": "org/tiny", "revision": "main", "licence": None}
    assert [file["path"] for file in card["files"]] == ["config.json", "model.safetensors", "tokenizer.json"]
    assert (tmp_path / "data" / "model.safetensors").read_text() == "weights"
    assert not any("pytorch_model.bin" in request or "onnx" in request for request in asked)


@pytest.mark.parametrize(
    ("kind", "spec"), [("model", {"repo_id": "org/tiny"}), ("dataset", {"repo_id": "org/sums", "subset": "main"})]
)
def test_what_was_fetched_once_is_not_downloaded_again_even_offline(hub, tmp_path, kind, spec):
    endpoint, asked = hub
    pinned = spec | {"revision": COMMIT, "licence": "mit"}
    assert fetch(tmp_path, kind, endpoint, **pinned) == ""
    card = (tmp_path / "card.json").read_bytes()
    asked.clear()
    assert fetch(tmp_path, kind, endpoint, **pinned) == ""
    assert not [request for request in asked if request.startswith("GET") and "/resolve/" in request]
    asked.clear()
    assert fetch(tmp_path, kind, endpoint, {"HF_HUB_OFFLINE": "1"}, **pinned) == ""
    assert asked == [] and (tmp_path / "card.json").read_bytes() == card


def test_a_proxy_of_the_config_is_used(hub, tmp_path):
    assert fetch(tmp_path, "model", "http://hub.example", proxy=hub[0], repo_id="org/tiny") == ""
    assert hub[1] and all(" http://hub.example/" in request for request in hub[1])


def test_a_data_set_is_fetched_with_subset_and_its_own_test_split(hub, tmp_path):
    wanted = {"repo_id": "org/sums", "subset": "main", "test_split": "test"}
    assert fetch(tmp_path / "one", "dataset", hub[0], **wanted) == ""
    assert fetch(tmp_path / "two", "dataset", hub[0], **wanted) == ""
    card = read_json(tmp_path / "one" / "card.json")
    assert card["revision"] == COMMIT and card["licence"] == "mit" and card["rows"] == {"train": 2, "test": 1}
    assert load_from_disk(tmp_path / "one" / "data")["test"].to_list() == [{"question": "2 + 2", "answer": "4"}]
    assert card == read_json(tmp_path / "two" / "card.json")


@pytest.mark.parametrize(
    ("kind", "spec", "sentence"),
    [
        ("model", {"repo_id": "org/none"}, "models.tiny.repo_id: {hub} has no 'org/none', or hides it because it is"),
        ("model", {"repo_id": "org/tiny", "revision": "v9"}, "models.tiny.revision: org/tiny has no revision 'v9'"),
        ("model", {"repo_id": "org/gated"}, "models.tiny.repo_id: org/gated is gated; accept its terms"),
        ("model", {"repo_id": "a/b/c"}, "models.tiny.repo_id: 'a/b/c' is not of the form owner/name"),
        ("model", {"repo_id": "org/pickled"}, "models.tiny: there are no *.safetensors weights. Pickled ones"),
        ("model", {"repo_id": "org/broken"}, "models.tiny: {hub} answered 502 for org/broken; wait a little"),
        ("dataset", {"repo_id": "org/none"}, "datasets.tiny.fetch.repo_id: {hub} has no 'org/none', or hides it"),
        ("dataset", {"repo_id": "org/gated"}, "datasets.tiny.fetch.repo_id: org/gated is gated; accept its terms"),
        ("dataset", {"repo_id": "org/sums", "subset": "mian"}, "BuilderConfig 'mian' not found. Available: ['main']"),
        ("dataset", {"repo_id": "org/sums", "split": "dev"}, "Unknown split \"dev\". Should be one of ['train', "),
    ],
)
def test_what_the_hub_refuses_is_said_with_the_config_key(hub, tmp_path, kind, spec, sentence):
    said = fetch(tmp_path, kind, hub[0], **spec)
    assert sentence.format(hub=hub[0]) in said
    assert not (tmp_path / "data").exists() and not (tmp_path / "card.json").exists()


@pytest.mark.parametrize(("kind", "key"), [("model", "models.tiny"), ("dataset", "datasets.tiny.fetch")])
def test_an_unreachable_hub_is_said_with_every_way_out(tmp_path, kind, key):
    said = fetch(tmp_path, kind, "http://127.0.0.1:9", repo_id="org/tiny", revision=COMMIT)
    assert f"{key}: http://127.0.0.1:9 cannot be reached for org/tiny (ConnectError)" in said
    assert all(way in said for way in ("hub.endpoint", "hub.proxy", "source: local", "default study"))


def test_offline_without_a_commit_is_refused_and_never_overruled(hub, tmp_path):
    said = fetch(tmp_path, "model", hub[0], {"HF_HUB_OFFLINE": "1"}, repo_id="org/tiny")
    assert "models.tiny.revision: HF_HUB_OFFLINE is set, so 'main' of org/tiny cannot be looked up" in said
    assert hub[1] == []
