"""Train one variant of a run in a process of its own:  python -m tunelab.benchmarks.child ORDER.json FOUND.json.

The order names the variant, the run's spec, the precision, the rows and the model; see `measuring`.
"""

import math
import os
import sys
from pathlib import Path

from pydantic import TypeAdapter

from tunelab import records
from tunelab.config.specs.training import RunSpec
from tunelab.jobs.hardware import list_gpus, take_gpus
from tunelab.jobs.processes import keep_memory, leave_out


def main(order: Path, found: Path) -> None:
    os.environ |= {"HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "TOKENIZERS_PARALLELISM": "false"}
    # TRL refuses to train if it sees two
    take_gpus(min(1, len(list_gpus())), lambda: print("waiting for a free GPU"))
    told = records.read_json(order)
    spec = TypeAdapter(RunSpec).validate_python(told["spec"])
    if told["variant"] == "project":  # as `run_as_job` does
        keep_memory()
        if not spec.uses_bitsandbytes:
            leave_out("bitsandbytes")
    import torch

    from tunelab.benchmarks.variants import VARIANTS, Material, watched_training
    from tunelab.models import decoding

    if told["same_draws"]:  # the random numbers that `generate` draws, so that completions can be compared
        decoding.draw_tokens = lambda logits: torch.multinomial(logits.softmax(-1), 1)[:, 0]
        decoding.DONE = math.inf  # it draws for rows that have ended, too
    made: dict = {}
    given = {name: told[name] and Path(told[name]) for name in Material._fields}
    torch.manual_seed(0)
    with watched_training(made):
        ways = VARIANTS[told["variant"]](spec, getattr(torch, told["dtype"]), Material(**given))
    records.write_json(found, made | ways | {"threads": torch.get_num_threads()})


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
