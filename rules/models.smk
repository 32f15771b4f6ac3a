rule fetch_model:
    output:
        card="<results>/models/{model}/card.json",
        folder=directory("<results>/models/{model}/model"),
    log:
        "<logs>/fetch_model/{model}.log",
    benchmark:
        "<benchmarks>/fetch_model/{model}.jsonl"
    params:
        *track(
            lambda model: stage_facts(f"models.{model}", CFG.models[model], "fetch_model.py", ["transformers", "gguf"]),
            [(name,) for name in CFG.models],
        ),
        spec=lambda wildcards: CFG.models[wildcards.model],
        hub=CFG.hub,
        work="work/downloads",
    conda:
        "../envs/train.yaml"
    script:
        "../scripts/fetch_model.py"
