"""Run Python programs in forks of a process that has their libraries loaded already.

Starting Python and loading Snakemake or torch takes most of the time of a tiny job or a dry run; a fork does without.
What a program sees is what `python program …` would give it: arguments, folder, environment and search path.
This file is both: the client that tests call, and, as a program of its own, the server.
"""

import atexit
import contextlib
import fcntl
import functools
import gc
import hashlib
import importlib
import json
import os
import pickle
import runpy
import shutil
import signal
import socket
import socketserver
import subprocess
import sys
import tempfile
import traceback
import zlib
from pathlib import Path
from typing import Any

SNAKEMAKE = ("snakemake.api", "snakemake.cli", "snakemake.report", "smart_open", "pandas", "pydantic")
# and what the jobs of a study load
LIBRARIES = (
    *SNAKEMAKE,
    *("torch", "transformers", "peft", "trl", "datasets", "bitsandbytes", "accelerate", "tensorboard"),
    *(f"trl.trainer.{method}_trainer" for method in ("sft", "dpo", "kto", "grpo", "rloo", "distillation")),
    *("transformers.models.auto.modeling_auto", "transformers.models.llama.modeling_llama", "torch.utils.tensorboard"),
    *("matplotlib.pyplot", "seaborn", "scipy.stats", "sacrebleu", "rouge_score.rouge_scorer"),
)
# what the tests set for themselves must not reach the workflow
SET_FOR_TESTS = ("PYTHONPATH", "HF_HUB_OFFLINE")
ADDRESS = "TUNELAB_TEST_FORKS"  # where programs that were started here find the server


def run_python(
    folder: Path, *command: str, output: int | None = None, loaded: tuple[str, ...] = SNAKEMAKE, **environment: str
) -> int:
    """Do as `python COMMAND` in `folder` and return the exit code.

    output: a file descriptor for all that it prints; loaded: what need not be imported any more.
    """
    inherited = {name: value for name, value in os.environ.items() if name not in SET_FOR_TESTS}
    address = os.environ.get(ADDRESS) or find_server(loaded)
    task = {"command": command, "folder": str(folder), "environment": inherited | environment | {ADDRESS: address}}
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(address)
        socket.send_fds(connection, [b"\n"], [2 if output is None else output])
        connection.sendall(json.dumps(task).encode() + b"\n")
        with connection.makefile() as answer:
            return int(answer.read() or -signal.SIGKILL)  # whoever was killed says nothing


def read_python(folder: Path, *command: str, **others: Any) -> tuple[int, str]:
    """Do as `python COMMAND` in `folder`; return the exit code and all that it prints."""
    with tempfile.TemporaryFile("w+", encoding="utf-8") as printed:
        code = run_python(folder, *command, output=printed.fileno(), **others)
        printed.seek(0)
        return code, printed.read()


@functools.cache
def find_server(modules: tuple[str, ...]) -> str:
    """Return the address of the test run's server that has these modules loaded; whoever asks first starts it."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID", str(os.getpid()))
    folder = Path(tempfile.gettempdir(), f"forks-{run}-{zlib.crc32(repr(modules).encode())}")
    folder.mkdir(exist_ok=True)
    address = folder / "socket"
    with open(folder / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not address.exists():
            _start_server(str(address), modules)
    return str(address)


def _start_server(address: str, modules: tuple[str, ...]) -> None:
    """Start a server that ends with the test run, whose processes one program has started."""
    owner = os.getppid() if "PYTEST_XDIST_WORKER" in os.environ else os.getpid()
    environment = {name: value for name, value in os.environ.items() if name not in SET_FOR_TESTS}
    # as a job sets them before it loads what reads them
    environment |= {"HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "TOKENIZERS_PARALLELISM": "false"}
    command = [sys.executable, __file__, address, str(owner), *modules]
    server = subprocess.Popen(command, env=environment | {"OMP_NUM_THREADS": "1"}, stdout=subprocess.PIPE)
    assert server.stdout.readline() == b"ready\n"


class _Server(socketserver.ForkingMixIn, socketserver.UnixStreamServer):
    max_children, request_queue_size = 100, 100
    owner = 0  # the process with which this one ends

    def service_actions(self) -> None:
        super().service_actions()
        try:
            os.kill(self.owner, 0)
        except ProcessLookupError:
            shutil.rmtree(Path(self.server_address).parent)
            sys.exit()


class _Program(socketserver.BaseRequestHandler):
    """One program, in a process of its own."""

    def handle(self) -> None:
        _, (output, *_), _, _ = socket.recv_fds(self.request, 1, 1)
        with self.request.makefile() as asked:
            task = json.loads(asked.readline())
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.chdir(task["folder"])
        os.environ.clear()
        os.environ.update(task["environment"])
        if "torch" in sys.modules:
            sys.modules["torch"].set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
        code = _call(task["command"])
        with contextlib.suppress(BrokenPipeError):  # nobody waits any more
            self.request.sendall(str(code).encode())


def _call(command: list[str]) -> int:
    """Run a script, or with `-m` a module, as Python's own command does."""
    is_module = command[0] == "-m"
    name, *arguments = command[1:] if is_module else command
    sys.argv = [name, *arguments]
    sys.path[0] = "" if is_module else str(Path(name).parent.resolve())
    sys.path[1:1] = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    code = 0
    try:
        if is_module:
            runpy.run_module(name, run_name="__main__", alter_sys=True)
        else:
            runpy.run_path(name, run_name="__main__")
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
        code = 1
    atexit._run_exitfuncs()  # a fork ends without
    sys.stdout.flush()
    sys.stderr.flush()
    return code


def _serve(address: str, owner: str, modules: list[str]) -> None:
    gc.disable()  # nothing of this is garbage
    for module in modules:
        importlib.import_module(module)
    # what a process makes once, when it first needs it
    if "snakemake.cli" in modules:
        sys.modules["snakemake.cli"].get_argument_parser()
        _keep_parsed(Path(address).parent)
    if "transformers" in modules:
        importlib.import_module("transformers.conversion_mapping").get_checkpoint_conversion_mapping("llama")
    gc.freeze()  # a collection in a fork would copy all that is loaded
    gc.enable()
    with _Server(address, _Program) as server:
        server.owner = int(owner)
        print("ready", flush=True)
        server.serve_forever()


def _keep_parsed(folder: Path) -> None:
    """Have Snakemake parse each file of rules once for all forks, as long as its place and text are the same."""
    workflow = sys.modules["snakemake.workflow"]
    parse = workflow.parse

    def parse_once(source: Any, running: Any, linemap: dict[int, int], rulecount: int) -> tuple[str, int]:
        path = source.get_path_or_uri(secret_free=False)
        read = f"{rulecount} {path} ".encode() + Path(path).read_bytes()
        kept = folder / hashlib.sha256(read).hexdigest()
        if not kept.exists():
            parsed = parse(source, running, linemap, rulecount=rulecount)
            part = kept.with_suffix(f".{os.getpid()}")
            part.write_bytes(pickle.dumps((parsed, linemap)))
            part.rename(kept)
        parsed, lines = pickle.loads(kept.read_bytes())
        linemap.update(lines)
        return parsed

    workflow.parse = parse_once


if __name__ == "__main__":
    _serve(sys.argv[1], sys.argv[2], sys.argv[3:])
