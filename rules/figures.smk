rule plot_figure:
    """Draw one figure of the study, for the page and for a paper."""
    input:
        unpack(read_by_figure),
        wording=study_wording(),
    output:
        svg=report("<results>/figures/{figure}.svg", caption="../reports/captions/figure.rst", category="Figures"),
        pdf="<results>/figures/{figure}.pdf",
    log:
        "<logs>/plot_figure/{figure}.log",
    wildcard_constraints:
        figure=only(STUDY_FIGURES),
    localrule: True
    conda:
        "../envs/report.yaml"
    params:
        facts=lambda wildcards: stage_facts(
            "",
            figure_slice(wildcards.figure),
            "plot_figure.py",
            ["babel", "matplotlib", "seaborn"],
            (FIGURES[wildcards.figure].code,),
        ),
        results=lambda wildcards: CFG.study.results,
        study=lambda wildcards: figure_slice(wildcards.figure),
    script:
        "../scripts/plot_figure.py"
