"""Make artefact folders that are either whole or absent."""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from tunelab import records


@contextlib.contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """Yield an empty sibling to fill; it takes the name `folder` if the block ends well, and is gone if it does not."""
    part = folder.with_name(folder.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        yield part
    except BaseException:
        shutil.rmtree(part)
        raise
    if folder.exists():
        shutil.rmtree(folder)
    part.replace(folder)


def write_card(card: Path, folder: Path, facts: dict) -> None:
    """Write `facts` and every file of `folder` with its hash; the card holds no time, so it can be made again."""
    files = records.build_manifest(folder)
    records.write_json(card, facts | {"files": files, "bytes": sum(file["bytes"] for file in files)})
