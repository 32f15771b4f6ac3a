"""Say in a sentence why a job failed, and at the end of a run which jobs did."""

import errno
import shlex
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from tunelab.errors import UserError
from tunelab.files import explain_forbidden

FULL = (errno.ENOSPC, errno.EDQUOT)
# how PyTorch (CPU), CUDA and the C library report a lack of memory
NO_MEMORY = (
    *("can't allocate memory", "cannot allocate memory", "std::bad_alloc"),
    *("CUDA out of memory", "CUDA error: out of memory", "CUBLAS_STATUS_ALLOC_FAILED"),
)
# by rule: the config key of its batch size, which changes results by rounding only
BATCHES = {
    "generate_answers": "tasks.{task}.generation.batch_size",
    "generate_repeats": "noise.batch_size and tasks.{task}.generation.batch_size",
    "generate_samples": "tasks.{task}.sampling.batch_size",
    "measure_loss": "tasks.{task}.loss_batch_size",
    "measure_repeats": "noise.batch_size and tasks.{task}.loss_batch_size",
    "measure_drift": "drift.batch_size",
    "draw_samples": "samples.{samples}.batch_size",
}
TOLD = "Error: "  # before the sentence that tells why a job failed
SHOWN = 200  # characters of what a library said
ALMOST_FULL = 2**20  # bytes; a writer that fails with less free than this failed for want of space


def explain_failure(
    error: Exception, folders: Iterable[Path] = (), rule: str = "", wildcards: Mapping[str, str] | None = None
) -> str | None:
    """Return a sentence for a mistake of the user, a full disk, a lack of memory or of rights; None for anything else.

    folders: those that the job was writing to; rule, wildcards: of the job.
    """
    if isinstance(error, UserError):
        return str(error)
    if isinstance(error, MemoryError) or any(text in str(error) for text in NO_MEMORY):
        return f"Out of memory. Lower {_name_batch(rule, wildcards or {})}. The library said: {_shorten(error)}"
    if isinstance(error, PermissionError) and error.filename:
        return explain_forbidden(error.filename, error.strerror)
    if getattr(error, "errno", None) in FULL or "No space left on device" in str(error) or _filled_up(error, folders):
        return f"{_name_full_disk()}; nothing half-written is kept. The system said: {_shorten(error)}"
    return None


def _name_batch(rule: str, wildcards: Mapping[str, str]) -> str:
    # a module's rules have its name before their own
    for name, keys in BATCHES.items():
        if rule.endswith(name):
            return keys.format_map(wildcards)
    return (
        "the run's training.per_device_train_batch_size (raise gradient_accumulation_steps by the same factor to keep "
        "the result), training.max_length or max_completion_length, or take a smaller model"
    )


def find_reason(log: Path) -> str:
    """Return the most telling line of a failed job's log: its sentence, or else the end of the traceback."""
    if told := _find_told(log):
        return told
    if not log.is_file():
        return "it has no log: it was stopped before it began, or a cluster did not take it (lines above would say so)"
    return "it was stopped without a word, by someone or by the system for want of memory (`dmesg` would say so)"


def note_reason(log: Path, said: str | None) -> None:
    """Append the cluster's message to the log of a failed job, unless the job itself gave a reason."""
    if said and not _find_told(log):
        log.parent.mkdir(parents=True, exist_ok=True)
        with open(log, "a", encoding="utf-8") as file:
            file.write(f"{TOLD}{' '.join(said.split())[: 2 * SHOWN]}\n")


def _find_told(log: Path) -> str | None:
    lines = [line.strip() for line in _read_lines(log) if line.strip()]
    told = [line.removeprefix(TOLD) for line in lines if line.startswith(TOLD)]
    if told:
        return told[-1]
    return lines[-1][:SHOWN] if any(line.startswith("Traceback") for line in lines) else None


def describe_failures(logs: dict[str, Path], offer: str = "") -> str:
    """Name every failed job (title → log) with its reason in a line and its log.

    offer: the command that makes a partial report, if one can be made.
    """
    lines = [f"  {title}: {find_reason(log)}\n    log: {log}" for title, log in sorted(logs.items())]
    return "\n".join(
        [
            f"{len(logs)} jobs failed:" if len(logs) > 1 else "1 job failed:",
            *lines,
            "What does not depend on this is finished; the report needs all its parts. Once it is mended, the same "
            "command goes on from here.",
            *([f"`{offer}` makes the page of what is there."] if offer else []),
        ]
    )


def offer_partial(overlays: Iterable[str]) -> str:
    """Return the command that makes a partial report of the study with these overlays."""
    config = shlex.quote(" ".join(file.replace(" ", "\\ ") for file in overlays))
    return "make report PARTIAL=1" + (f" CONFIG={config}" if overlays else "")


def _name_full_disk() -> str:
    temporary = Path(tempfile.gettempdir())
    if _is_full(temporary) and not _is_full(Path.cwd()):
        return f"The disk of {temporary} is full. Free some space, or set TMPDIR to a folder elsewhere, and run again"
    return "The disk is full. Free some space (`make clean-stale` lists what no config needs) and run again"


def _is_full(folder: Path) -> bool:
    return shutil.disk_usage(folder).free < ALMOST_FULL


def _read_lines(log: Path) -> list[str]:
    return log.read_text(encoding="utf-8", errors="replace").splitlines() if log.is_file() else []


def _filled_up(error: Exception, folders: Iterable[Path]) -> bool:
    # PyTorch's and Arrow's writers do not pass the system's reason on
    there = [folder for folder in folders if folder.exists()]
    return isinstance(error, OSError | RuntimeError) and any(map(_is_full, there))


def _shorten(error: Exception) -> str:
    return " ".join(str(error).split())[:SHOWN] or type(error).__name__
