# defined tasks with several answers a question, and what the drawing of these depends on
MULTIPLE = [name for name, task in CFG.tasks.items() if task.sampling]
DRAWN = {"sampling": True, "generation": {"max_new_tokens"}}


rule generate_samples:
    """Draw several answers to each of a task's first held-out questions from one run's model."""
    input:
        card=lambda wildcards: model_card(wildcards.run),
        precision=lambda wildcards: model_precision(wildcards.run),
        template=lambda wildcards: model_template(wildcards.run),
        references=lambda wildcards: task_rows(wildcards.task),
        weights=lambda wildcards: weights_of(wildcards.run, wildcards.seed),
    output:
        samples="<results>/runs/{run}/seed{seed}/{task}/samples.jsonl",
    log:
        "<logs>/generate_samples/{run}_seed{seed}_{task}.log",
    benchmark:
        "<benchmarks>/generate_samples/{run}_seed{seed}_{task}.jsonl"
    wildcard_constraints:
        task=only(MULTIPLE),
    conda:
        "../envs/train.yaml"
    threads: HALF_OF_CORES
    resources:
        **CLAIMS,
        gpu=GPUS,
    params:
        facts=lambda wildcards: task_facts(wildcards, "generate_samples.py", RUN_PACKAGES, DRAWN, {"sampling": {"k"}}),
        first=lambda wildcards: count_asked(wildcards, CFG.tasks[wildcards.task].sampling.rows),
        spec=lambda wildcards: CFG.tasks[wildcards.task],
    script:
        "../scripts/generate_samples.py"


rule score_samples:
    """Score the answers that were drawn from one run to a task's first held-out questions."""
    input:
        samples="<results>/runs/{run}/seed{seed}/{task}/samples.jsonl",
        references=lambda wildcards: task_rows(wildcards.task),
    output:
        sample_scores="<results>/runs/{run}/seed{seed}/{task}/sample_scores.jsonl",
    log:
        "<logs>/score_samples/{run}_seed{seed}_{task}.log",
    localrule: True
    conda:
        "../envs/report.yaml"
    params:
        facts=lambda wildcards: task_facts(wildcards, "score_samples.py", [], {"sampling": {"samples", "rows"}}),
        first=lambda wildcards: count_asked(wildcards, CFG.tasks[wildcards.task].sampling.rows),
        spec=lambda wildcards: CFG.tasks[wildcards.task].sampling,
    script:
        "../scripts/score_samples.py"
