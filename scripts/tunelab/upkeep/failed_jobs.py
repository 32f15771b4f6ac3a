"""Which jobs of a study failed the last time that they ran, and why, by their logs and cards."""

from pathlib import Path

from tunelab.jobs.failures import find_reason
from tunelab.jobs.jobcards import card_file
from tunelab.upkeep.studyfolders import read_card


def find_failures(results: Path) -> dict[str, str]:
    """Return each failed job's reason by its log without ending, such as `train/lora_seed1`.

    A job that ended well has a card, and what the card names is there: Snakemake removes what a failed job made.
    """
    logs = sorted((results / "logs").rglob("*.log"))
    return {
        log.relative_to(results / "logs").with_suffix("").as_posix(): find_reason(log) for log in logs if _failed(log)
    }


def _failed(log: Path) -> bool:
    card = card_file(log)
    return not card.is_file() or not all(Path(path).exists() for path in read_card(card)["outputs"])
