# Publishes the weights along the way of trainings, which are then evaluated by the rules of all runs.


rule publish_waypoint:
    """Publish a training's weights at one point of its way as a run publishes its own."""
    input:
        summary=lambda wildcards: str(
            LAYOUT.run_file(CFG.waypoints[wildcards.run].run, wildcards.seed, "training.json")
        ),
    output:
        weights="<results>/runs/{run}/seed{seed}/adapter/adapter_model.safetensors",
        config="<results>/runs/{run}/seed{seed}/adapter/adapter_config.json",
        learnt_template="<results>/runs/{run}/seed{seed}/adapter/chat_template.jinja",
    log:
        "<logs>/publish_waypoint/{run}_seed{seed}.log",
    wildcard_constraints:
        run=only(name for name, waypoint in CFG.waypoints.items() if CFG.keeps_adapter(waypoint.run)),
    localrule: True
    conda:
        "../envs/report.yaml"
    params:
        facts=lambda wildcards: stage_facts("", None, "publish_waypoint.py"),
        point=lambda wildcards: CFG.waypoints[wildcards.run].point,
    script:
        "../scripts/publish_waypoint.py"


use rule publish_waypoint as publish_waypoint_model with:
    output:
        weights="<results>/runs/{run}/seed{seed}/model/model.safetensors",
        config="<results>/runs/{run}/seed{seed}/model/config.json",
        learnt_template="<results>/runs/{run}/seed{seed}/model/chat_template.jinja",
    wildcard_constraints:
        run=only(name for name, waypoint in CFG.waypoints.items() if not CFG.keeps_adapter(waypoint.run)),
