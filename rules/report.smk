rule render_tables:
    """Render the main table and the declared contrasts as LaTeX, to be put in a paper with \\input."""
    input:
        table="<results>/results.json",
        templates=own_templates(),
    output:
        main_tex="<results>/tables/main.tex",
        contrasts_tex="<results>/tables/contrasts.tex",
    log:
        "<logs>/render_tables.log",
    localrule: True
    conda:
        "../envs/report.yaml"
    params:
        facts=lambda wildcards: stage_facts("", SLICES.titled, "render_tables.py", ["babel", "pandas"]),
        results=lambda wildcards: CFG.study.results,
        study=SLICES.titled,
    script:
        "../scripts/render_tables.py"


rule render_report:
    """Render the report: one self-contained page that compares the runs of a study."""
    input:
        **page_files(),
        figures=study_figures(),
        templates=report_templates(),
    output:
        report=report("<results>/report.html", caption="../reports/captions/report.rst", category="Comparison"),
    log:
        "<logs>/render_report.log",
    localrule: True
    conda:
        "../envs/report.yaml"
    params:
        facts=lambda wildcards: stage_facts(
            "",
            SLICES.whole | LACKING | {"rules": list_shown(describe_rules(workflow.rules))},
            "render_report.py",
            ["babel", "jinja2", "markupsafe"],
        ),
        results=lambda wildcards: CFG.study.results,
        study=SLICES.whole,
        partial=LACKING.get("partial"),
        makers=lambda wildcards: describe_rules(workflow.rules),
    script:
        "../scripts/render_report.py"
