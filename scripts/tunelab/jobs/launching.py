"""One job by several processes: the job starts this very script several times, and waits.

The job itself keeps what only one can have: the key of the work, its lock, the GPUs, the card. The processes that it
starts call `main`, with the folder for checkpoints that it tells them; only the first of them reports progress, and the
first that fails says why, since what the others say then follows from it. `accelerate launch` starts them, and ends
the others when one of them fails; it is told of a port that is in use, so that torch takes a free one itself, and two
jobs of a machine never meet. It dies with the job, and the processes with it.
"""

import os
import socket
import subprocess
import sys
import tempfile
from importlib.machinery import PathFinder
from pathlib import Path

from tunelab.errors import UserError
from tunelab.jobs.processes import die_with_parent

CHECKPOINTS, TOLD = "TUNELAB_LAUNCHED_CHECKPOINTS", "TUNELAB_LAUNCHED_TOLD"
AGAIN = "begin again"
KILLED = "(SIGKILL)"  # what torch's launcher says of a process that ended so


class BeginAgain(Exception):
    """What the processes share has been settled anew, and all of them are to be started again."""


def is_launched() -> bool:
    """Tell whether this process is one of several that do a job together."""
    return CHECKPOINTS in os.environ


def is_first() -> bool:
    """Tell whether this process is the first, or the only one, that does the job."""
    return not is_launched() or os.environ["RANK"] == "0"


def count_processes() -> int:
    """Return how many processes do the job together, this one among them."""
    return int(os.environ["WORLD_SIZE"]) if is_launched() else 1


def find_place() -> int:
    """Return the place of this process among those of its machine, from 0: the number of its GPU."""
    return int(os.environ["LOCAL_RANK"]) if is_launched() else 0


def find_checkpoints() -> Path:
    """Return the folder for checkpoints that the job told this process."""
    return Path(os.environ[CHECKPOINTS])


def may_tell() -> bool:
    """Tell whether this process, which fails, is the first of those that do the job together, or the only one."""
    if not is_launched():
        return True
    try:
        Path(os.environ[TOLD]).touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def ask_again() -> None:
    """Have the job start all processes again, when this one has ended."""
    Path(os.environ[TOLD]).write_text(AGAIN, encoding="ascii")


def run_processes(count: int, threads: int, checkpoints: Path) -> bool:
    """Run this very script in `count` processes, which share `threads`, and wait for them.

    Returns whether they are done; if not, they are to be started again.

    Raises:
        SystemExit: if one of them failed, and has told why.
        UserError: if one of them was killed.
        RuntimeError: if they could not be started.
    """
    # a port in use has accelerate leave the choice to torch, which takes a free one without a gap
    with tempfile.TemporaryDirectory() as folder, socket.create_server(("127.0.0.1", 0)) as taken:
        told, each = Path(folder, "told"), max(1, threads // count)
        done = subprocess.run(
            _build_command(count, each, taken.getsockname()[1]),
            env=_build_environment(each) | {CHECKPOINTS: str(checkpoints), TOLD: str(told)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            preexec_fn=die_with_parent,
        )
        said = told.read_text(encoding="ascii") if told.exists() else None
    if done.returncode == 0 or said == AGAIN:
        return done.returncode == 0
    printed = done.stdout.decode(errors="replace")
    if KILLED in printed:
        raise UserError(
            f"One of the {count} processes of this training was killed, by someone or by the system for want of memory "
            "(`dmesg` would say so). Each holds the whole model: if memory is short, lower launch.processes or "
            "training.per_device_train_batch_size."
        )
    if said is not None:
        sys.exit(1)
    print(printed)
    raise RuntimeError(f"the {count} processes could not be started")


def _build_command(count: int, threads: int, port: int) -> list[str]:
    # a config of one's own, so that none is read which the user made for something else
    config = Path(PathFinder.find_spec("trl").origin).with_name("accelerate_configs") / "multi_gpu.yaml"
    options = {
        "config_file": config,
        "num_processes": count,
        "num_cpu_threads_per_process": threads,
        "main_process_port": port,
        "mixed_precision": "no",  # the training's own arguments say it
    }
    told = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    return [sys.executable, "-m", "accelerate.commands.launch", *told, sys.argv[0]]


def _build_environment(threads: int) -> dict[str, str]:
    on_gpus = bool(os.environ.get("CUDA_VISIBLE_DEVICES"))
    limits = {name: str(threads) for name in os.environ if name.endswith("_NUM_THREADS")}
    return os.environ | limits | ({} if on_gpus else {"ACCELERATE_USE_CPU": "true"})
