"""A stand-in for the Hub on this machine, for its real clients: it answers as the Hub does, or misbehaves when told to.

As on the Hub, large files are kept in a store on another host (`localhost` rather than `127.0.0.1`), to which the Hub
redirects, and a repository that does not exist is 401 to those who sent no token. The stand-in also serves as a proxy.
"""

import gc
import hashlib
import importlib
import itertools
import json
import multiprocessing
import os
import re
import socket
import struct
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import parse_qs, unquote, urlsplit

from pydantic import TypeAdapter

README = """---
license: mit
configs:
- config_name: main
  data_files:
  - split: train
    path: main/train.jsonl
  - split: test
    path: main/test.jsonl
- config_name: other
  data_files: other/*.jsonl
---
"""
WEIGHTS = bytes(range(256)) * 1000
MODEL = {"config.json": b"{}", "model.safetensors": WEIGHTS, "tokenizer.json": b"[]"}
PICKLED = {"config.json": b"{}", "pytorch_model.bin": b"pickled"}
EXTRAS = {"README.md": README.encode(), "pytorch_model.bin": b"pickled", "onnx/config.json": b"{}", "model.py": b"1"}
TABLES = {
    "README.md": README.encode(),
    "main/train.jsonl": b'{"question": "1 + 1", "answer": "2"}\n{"question": "1 + 2", "answer": "3"}\n',
    "main/test.jsonl": b'{"question": "2 + 2", "answer": "4"}\n',
    "other/all.jsonl": b'{"text": "not asked for"}\n',
}
# loaded once for all fetches; the first four are for the dry runs of other tests, which share the process
PRELOADED = ["pytest", "pandas", "pydantic", "snakemake.cli", "httpx2", "httpcore2", "truststore", "yaml", "tqdm.auto"]
PRELOADED += ["pyarrow.dataset", "pyarrow.compute", "fsspec", "multiprocess", "xxhash", "dill"]
STORED = (".safetensors", "train.jsonl")  # these are in the store; all others the Hub serves itself


@dataclass
class Request:
    """What a client asked for, and how many bytes of content it was sent."""

    method: str
    path: str
    headers: dict[str, str]
    to_store: bool
    sent: int = 0


@dataclass
class Reply:
    """An answer before it is sent; faults change it. `length` is what is announced, `body` what is sent."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    length: int = 0
    ending: str = "close"  # or "reset", "hold"
    pause: float = 0.0  # seconds between the bytes, which come one at a time then

    def __post_init__(self):
        self.length = len(self.body)


Fault = Callable[[Reply], None]


def cut(after: int, ending: str = "close") -> Fault:
    """Send so many bytes and no more, then close the connection, reset it or hold it open."""

    def change(reply: Reply):
        reply.body, reply.ending = reply.body[:after], ending

    return change


def garble(reply: Reply):
    """Send as many bytes, one of them another."""
    reply.body = bytes([reply.body[0] ^ 1]) + reply.body[1:]


def resize(change: int) -> Fault:
    """Send a file that is so many bytes longer or shorter."""

    def resize(reply: Reply):
        reply.body = reply.body + b"?" * change if change > 0 else reply.body[:change]
        reply.length = len(reply.body)

    return resize


def drip(pause: float) -> Fault:
    def slow(reply: Reply):
        reply.pause = pause

    return slow


def refuse(status: int, code: str = "", **headers: str) -> Fault:
    """Answer with an error; `headers` have `_` for `-`."""

    def change(reply: Reply):
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        reply.__init__(status, b"{}", named | {"X-Error-Code": code})

    return change


class Hub:
    """The repositories, each a history of commits and what its branches point to, and what was asked of them."""

    def __init__(self):
        self.history: dict[str, dict[str, dict[str, bytes]]] = {}
        self.branches: dict[str, dict[str, str]] = {}
        self.asked: list[Request] = []
        self.faults: dict[str, Iterator[Fault]] = {}
        self.takes_ranges = True
        self.card = {"license": "mit"}
        self.closing = threading.Event()
        self.servers = [self._serve("127.0.0.1"), self._serve("localhost")]
        self.endpoint, self.store = (
            f"http://{name}:{server.server_port}"
            for name, server in zip(("127.0.0.1", "localhost"), self.servers, strict=True)
        )

    def _serve(self, host: str) -> ThreadingHTTPServer:
        server = ThreadingHTTPServer((host, 0), Handler)
        server.hub, server.is_store = self, host == "localhost"
        server.handle_error = lambda *_: None  # clients may leave when they like
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        return server

    def close(self):
        self.closing.set()
        for server in self.servers:
            server.shutdown()
            server.server_close()

    def commit(self, name: str, files: dict[str, bytes]) -> str:
        """Add a commit with these files, point "main" to it and return its hash."""
        told = json.dumps({path: hashlib.sha1(content).hexdigest() for path, content in files.items()})
        commit = hashlib.sha1(told.encode()).hexdigest()
        self.history.setdefault(name, {})[commit] = files
        self.branches.setdefault(name, {})["main"] = commit
        return commit

    def misbehave(self, part: str, *faults: Fault, always: bool = False):
        """Change the answers to GET requests with `part` in their path: one fault each, or the same ones for ever."""
        self.faults[part] = itertools.cycle(faults) if always else iter(faults)

    def find_fault(self, path: str) -> Fault:
        for part, faults in self.faults.items():
            if part in path and (fault := next(faults, None)):
                return fault
        return lambda reply: None

    def contents(self, part: str = "") -> list[Request]:
        """List the requests for content, not those that were redirected to it."""
        return [
            request for request in self.asked if re.search("/(resolve|store)/", request.path) and part in request.path
        ]

    def answer(self, path: str, query: dict, authorised: bool) -> Reply:
        for name, history in self.history.items():
            site = name.removeprefix("models/")
            if found := re.fullmatch(f"/api/{name}(?:/revision/(.+))?", path):
                commit = self.find_commit(name, found[1] or "main")
                return (
                    Reply(200, describe(name, commit, history[commit], query, self.card))
                    if commit
                    else missing("Revision")
                )
            if found := re.fullmatch(f"/{site}/resolve/([^/]+)/(.+)|/store/{site}/([^/]+)/(.+)", path):
                commit, file = self.find_commit(name, found[1] or found[3]), found[2] or found[4]
                if not commit:
                    return missing("Revision")
                if file not in history[commit]:
                    return missing("Entry")
                if found[1] and file.endswith(STORED):
                    return Reply(302, b"", {"Location": f"{self.store}/store/{site}/{commit}/{file}"})
                return Reply(200, history[commit][file])
        return missing("Repo") if authorised else Reply(401, b"{}", {"X-Error-Code": "RepoNotFound"})

    def find_commit(self, name: str, revision: str) -> str | None:
        commit = self.branches[name].get(revision, revision)
        return commit if commit in self.history[name] else None


def missing(what: str) -> Reply:
    return Reply(404, b"{}", {"X-Error-Code": f"{what}NotFound"})


def describe(name: str, commit: str, files: dict[str, bytes], query: dict, card: dict) -> bytes:
    """Describe a repository as the Hub's API does; sizes and hashes only for those who ask for `blobs`."""
    siblings = [{"rfilename": path} for path in files]
    for sibling, (path, content) in zip(siblings, files.items(), strict=True):
        if query.get("blobs") in (["true"], ["True"]):
            blob = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
            sibling |= {"size": len(content), "blobId": blob}
            if path.endswith(STORED):
                sha256 = hashlib.sha256(content).hexdigest()
                sibling |= {
                    "blobId": "0" * 40,
                    "lfs": {"sha256": sha256, "size": len(content), "pointerSize": 130},
                }
    told = {"id": name.partition("/")[2], "sha": commit, "cardData": card, "siblings": siblings}
    return json.dumps(told).encode()


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        hub = self.server.hub
        address = urlsplit(self.path)  # a proxy is asked for whole addresses
        path = unquote(address.path)
        request = Request(self.command, self.path, dict(self.headers), self.server.is_store)
        hub.asked.append(request)
        reply = hub.answer(path, parse_qs(address.query), "Authorization" in self.headers)
        first = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if first and reply.status == 200 and hub.takes_ranges:
            start, whole = int(first[1]), reply.length
            reply = Reply(206, reply.body[start:], {"Content-Range": f"bytes {start}-{whole - 1}/{whole}"})
            if start >= whole:
                reply = Reply(416, b"{}", {"Content-Range": f"bytes */{whole}"})
        hub.find_fault(path)(reply)
        self.send_response(reply.status)
        for name, value in (reply.headers | {"Content-Length": str(reply.length)}).items():
            self.send_header(name, value)
        self.end_headers()
        pieces = [reply.body[i : i + 1] for i in range(len(reply.body))] if reply.pause else [reply.body]
        for piece in pieces:
            self.wfile.write(piece)
            request.sent += len(piece)
            if reply.pause and hub.closing.wait(reply.pause):
                return
        if reply.ending == "hold":
            hub.closing.wait()
        if reply.ending == "reset":
            self.wfile.flush()
            hub.closing.wait(0.1)  # what was not read yet is lost at a reset
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()

    def log_message(self, *_):
        pass


def start_fetch(
    place: Path,
    kind: str,
    endpoint: str | None,
    variables: dict[str, str] | None = None,
    proxy: str | None = None,
    patience: dict | None = None,
    whole: bool = False,
    **spec,
) -> multiprocessing.Process:
    """Start the project's script in a process of its own; results and downloads are below `place`.

    The client reads its settings when it is imported. So the process is a fork of one that has loaded only what the
    client and others import, which saves a second each time. Most repositories here hold bytes that are no model, so
    only with `whole` is a fetched model looked into.
    """
    forks = multiprocessing.get_context("forkserver")
    forks.set_forkserver_preload(PRELOADED)
    place.mkdir(exist_ok=True)
    inherited = {name: value for name, value in os.environ.items() if not name.upper().startswith(("HF_", "HTTP"))}
    quiet = {"HF_HOME": str(place / "home"), "NO_PROXY": "127.0.0.1,localhost", "HF_HUB_DISABLE_TELEMETRY": "1"}
    spec = {"source": "hub", "revision": "main"} | spec
    settings = {"endpoint": endpoint, "proxy": proxy}
    patience = {"WAITS": [0, 0]} | (patience or {})
    arguments = (place, kind, spec, settings, patience, inherited | quiet | (variables or {}), whole)
    job = forks.Process(target=_run_script, args=arguments)
    job.start()
    return job


def _run_script(
    place: Path, kind: str, spec: dict, settings: dict, patience: dict, environment: dict, whole: bool
) -> None:
    gc.freeze()  # a collection would copy all that was loaded before the fork
    log = os.open(place / "log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.environ.clear()
    os.environ.update(environment)
    from tunelab.config.specs.sources import DatasetSource, HubSettings, ModelSpec
    from tunelab.errors import UserError
    from tunelab.sources import transfer

    for name, value in patience.items():
        assert hasattr(transfer, name)
        setattr(transfer, name, value)
    if not whole:
        sys.modules["tunelab.sources.loading"] = SimpleNamespace(check_model=lambda *given: None)
    script = importlib.import_module(f"fetch_{kind}")
    spec = TypeAdapter(ModelSpec if kind == "model" else DatasetSource).validate_python(spec)
    results = place / "results"
    assert not {"huggingface_hub", "datasets"} & set(sys.modules)
    try:
        script.main(results / "card.json", results / "data", "tiny", spec, HubSettings(**settings), place / "work")
    except UserError as error:
        (place / "said").write_text(str(error))
        sys.exit(3)


def fetch(place: Path, kind: str, endpoint: str | None, *others, **spec) -> str:
    """Fetch to the end and return the sentence of its mistake, empty if all went well; what it printed is in `log`."""
    job = start_fetch(place, kind, endpoint, *others, **spec)
    job.join(60)
    job.kill()  # of no effect on one that ended
    job.join()
    assert job.exitcode in (0, 3), (place / "log").read_text()
    if job.exitcode == 0:
        return ""
    # nothing half done is left under the names of the results
    assert not (place / "results/card.json").exists() and not (place / "results/data").exists()
    return (place / "said").read_text()


def build_model_files(place: Path) -> dict[str, bytes]:
    """Make a whole model below `place` and return its files, name → content, with its weights in two shards."""
    from safetensors.numpy import load_file, save

    from tunelab.config.specs.sources import RandomModel
    from tunelab.sources.random_model import create_model

    folder = place / "model"
    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    create_model(RandomModel(source="random", architecture={"model_type": "llama", **sizes}), "models.tiny", folder)
    tensors = sorted(load_file(folder / "model.safetensors").items())
    shards = {"a.safetensors": dict(tensors[:5]), "b.safetensors": dict(tensors[5:])}
    index = {"metadata": {}, "weight_map": {name: shard for shard, held in shards.items() for name in held}}
    files = {file.name: file.read_bytes() for file in folder.iterdir() if file.suffix != ".safetensors"}
    files["model.safetensors.index.json"] = json.dumps(index).encode()
    return files | {shard: save(held, {"format": "pt"}) for shard, held in shards.items()}


def serve() -> Iterator[Hub]:
    """Run a stand-in with its repositories for the time of a test."""
    hub = Hub()
    hub.commit("models/org/tiny", MODEL | EXTRAS)
    hub.commit("models/org/pickled", PICKLED)
    hub.commit("models/org/gated", MODEL)
    hub.commit("datasets/org/sums", TABLES)
    hub.commit("datasets/org/gated", TABLES)
    hub.misbehave("org/gated/resolve", refuse(403, "GatedRepo", X_Error_Message="Awaiting a review."), always=True)
    yield hub
    hub.close()
