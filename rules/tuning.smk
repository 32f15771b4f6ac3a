# Chooses the settings of tuned runs. Their trials are trained, answer and are scored by the rules of all runs.


rule divide_validation:
    """Divide validation rows in two: one half chooses a training's best step, the other the settings of runs."""
    input:
        validation="<results>/datasets/{dataset}/validation_dataset.json",
    output:
        checkpoint="<results>/datasets/{dataset}/checkpoint_dataset.json",
        selection="<results>/datasets/{dataset}/selection_dataset.json",
    log:
        "<logs>/divide_validation/{dataset}.log",
    wildcard_constraints:
        dataset=only(CFG.divided),
    localrule: True
    conda:
        "../envs/report.yaml"
    params:
        facts=lambda wildcards: stage_facts("", None, "divide_validation.py"),
    script:
        "../scripts/divide_validation.py"


rule choose_settings:
    """Choose a run's settings by how its trials did on validation rows; no test row is read."""
    input:
        costs=lambda wildcards: per_trial("training.json", wildcards.run),
        scores=lambda wildcards: trial_scores(wildcards.run),
    output:
        choice="<results>/tuning/{run}/choice.json",
        settings="<results>/tuning/{run}/settings.json",
    log:
        "<logs>/choose_settings/{run}.log",
    benchmark:
        "<benchmarks>/choose_settings/{run}.jsonl"
    wildcard_constraints:
        run=only(CFG.selections),
    localrule: True
    conda:
        "../envs/report.yaml"
    params:
        facts=lambda wildcards: stage_facts(
            f"tuning.{wildcards.run}", SLICES.tuning(wildcards.run), "choose_settings.py", ["numpy", "scipy"]
        ),
        results=lambda wildcards: CFG.study.results,
        study=lambda wildcards: SLICES.tuning(wildcards.run),
    script:
        "../scripts/choose_settings.py"
