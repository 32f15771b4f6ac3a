rule fetch_model:
    input:
        files=lambda wildcards: local_files(CFG.models[wildcards.model]),
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
                f"models.{model}", CFG.models[model], "fetch_model.py", ["transformers", "gguf"]
            ),
            [(name,) for name in CFG.models],
        ),
        spec=lambda wildcards: CFG.models[wildcards.model],
        hub=CFG.hub,
        work="work/downloads",
    script:
        "../scripts/fetch_model.py"
