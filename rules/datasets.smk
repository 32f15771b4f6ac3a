rule fetch_dataset:
    """Fetch one data set and keep it as an artefact of its own, whatever it came from."""
    input:
        files=lambda wildcards: local(list_local_files(CFG.datasets[wildcards.dataset].fetch)),
    output:
        card="<results>/datasets/{dataset}/card.json",
        folder=directory("<results>/datasets/{dataset}/raw"),
    log:
        "<logs>/fetch_dataset/{dataset}.log",
    benchmark:
        "<benchmarks>/fetch_dataset/{dataset}.jsonl"
    localrule: True
    conda:
        "../envs/prepare.yaml"
    params:
        facts=lambda wildcards: stage_facts(
            f"datasets.{wildcards.dataset}.fetch",
            CFG.datasets[wildcards.dataset].fetch,
            "fetch_dataset.py",
            ["datasets"],
            (f"tunelab/sources/{CFG.datasets[wildcards.dataset].fetch.source}_table.py",),
        ),
        spec=lambda wildcards: CFG.datasets[wildcards.dataset].fetch,
        hub=CFG.hub,
        work="work/downloads",
    script:
        "../scripts/fetch_dataset.py"


rule prepare_dataset:
    """Turn a fetched data set into chat messages or plain texts and divide it into train, validation and test."""
    input:
        card="<results>/datasets/{dataset}/card.json",
    output:
        train="<results>/datasets/{dataset}/train_dataset.json",
        validation="<results>/datasets/{dataset}/validation_dataset.json",
        test="<results>/datasets/{dataset}/test_dataset.json",
        data_card="<results>/datasets/{dataset}/data_card.json",
    log:
        "<logs>/prepare_dataset/{dataset}.log",
    benchmark:
        "<benchmarks>/prepare_dataset/{dataset}.jsonl"
    localrule: True
    conda:
        "../envs/prepare.yaml"
    params:
        facts=lambda wildcards: stage_facts(
            f"datasets.{wildcards.dataset}.prepare",
            CFG.datasets[wildcards.dataset].prepare,
            "prepare_dataset.py",
            ["datasets"],
        ),
        spec=lambda wildcards: CFG.datasets[wildcards.dataset].prepare,
    script:
        "../scripts/prepare_dataset.py"


rule measure_tokens:
    """Measure a data set's lengths in a model's tokens, and show one row as the model sees it."""
    input:
        card="<results>/models/{model}/card.json",
        template="<results>/models/{model}/chat_template.jinja",
        chat="<results>/models/{model}/chat.json",
        train="<results>/datasets/{dataset}/train_dataset.json",
        validation="<results>/datasets/{dataset}/validation_dataset.json",
        test="<results>/datasets/{dataset}/test_dataset.json",
    output:
        tokens="<results>/datasets/{dataset}/tokens_{model}.json",
    log:
        "<logs>/measure_tokens/{dataset}/{model}.log",
    benchmark:
        "<benchmarks>/measure_tokens/{dataset}/{model}.jsonl"
    priority: EARLY
    localrule: True
    conda:
        "../envs/train.yaml"
    params:
        facts=lambda wildcards: stage_facts("", None, "measure_tokens.py", ["transformers", "tokenizers"]),
    script:
        "../scripts/measure_tokens.py"
