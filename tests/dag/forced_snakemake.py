"""The stubbed Snakemake whose jobs say, one a line, whether they know that they were asked for by force."""

import runpy
from pathlib import Path

STUBS = Path(__file__).parents[1] / "stubbed_snakemake.py"

if __name__ == "__main__":
    import snakemake.workflow
    from snakemake.cli import main

    write_names = runpy.run_path(str(STUBS))["write_names"]

    def write_and_tell(script, basedir, asked, output, *others):
        from tunelab.jobs.forced import is_forced

        write_names(script, basedir, asked, output, *others)
        print(f"{others[6]}: {'forced' if is_forced(others[6], map(str, output)) else 'not forced'}", flush=True)

    snakemake.workflow.script = write_and_tell
    main()
