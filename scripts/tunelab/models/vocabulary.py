"""Check that two models, a student and its teacher, have the same vocabulary."""

from pathlib import Path

from transformers import AutoConfig, AutoTokenizer

from tunelab.errors import UserError
from tunelab.values import list_names


def compare_vocabularies(folders: dict[str, Path]) -> dict[str, int]:
    """Return how many tokens two fetched models share (`tokens`), and over how many both spread their probability.

    Args:
        folders: of the student and of the teacher, in this order, by the models' names.

    Raises:
        UserError: naming the first tokens that only one of them has, or that stand at different places; or the sizes
            of the output layers, if these differ.
    """
    (student, teacher), (own, other) = folders, [_read_tokens(folder) for folder in folders.values()]
    if differing := sorted(token for token in {*own, *other} if own.get(token) != other.get(token)):
        raise UserError(
            f"teacher: {teacher} has not the vocabulary of {student}, as distillation compares the probabilities of "
            f"all tokens: {len(differing):,} are missing or stand elsewhere, as {list_names(differing[:3])}. Name a "
            "teacher of the same family, or train on answers drawn from it (method: sft)."
        )
    sizes = [AutoConfig.from_pretrained(folder).get_text_config().vocab_size for folder in folders.values()]
    if sizes[0] != sizes[1]:
        raise UserError(
            f"teacher: the output layer of {teacher} has {sizes[1]:,} rows and that of {student} has {sizes[0]:,}, "
            "although their tokens are the same, and TRL compares them row by row. Name a teacher whose model has as "
            "many (vocab_size in config.json)."
        )
    return {"tokens": len(own), "rows": sizes[0]}


def _read_tokens(folder: Path) -> dict[str, int]:
    return AutoTokenizer.from_pretrained(folder).get_vocab()
