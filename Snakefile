# Fine-tune language models in several ways and compare them in results/report.html.
#
#   snakemake --cores 1 results/report.html                      the default study
#   snakemake --cores 1 --configfile config/smoke.yaml           another study: an overlay on config/config.yaml

from snakemake.utils import min_version

# the oldest whose plans were tried (tests/dag); paths begin with variables (`<results>`), and watching/ and
# upkeep/dry_run.py reach for inner parts, so `make setup` brings the version of requirements.lock
min_version("9.17.0")


include: "rules/places.smk"
include: "rules/common.smk"
include: "rules/facts.smk"
include: "rules/claims.smk"
include: "rules/functions.smk"
include: "rules/paths.smk"
include: "rules/asked.smk"
include: "rules/study.smk"


rule all:
    """Make the report and every artefact that the study promises."""
    input:
        "<results>/report.html",
        promised_artefacts(),


include: "rules/models.smk"
include: "rules/datasets.smk"
include: "rules/samples.smk"
include: "rules/tuning.smk"
include: "rules/train.smk"
include: "rules/preferences.smk"
include: "rules/distillation.smk"
include: "rules/trajectories.smk"
include: "rules/evaluate.smk"
include: "rules/multiple.smk"
include: "rules/compare.smk"
include: "rules/figures.smk"
include: "rules/report.smk"
include: "rules/exports.smk"


if workflow.is_main_process:
    remember_code()
