rule render_paper:
    """Render the study as a paper in LaTeX: parts for a text of one's own, and an article that puts them together."""
    input:
        **page_files(),
        figures=study_figures("pdf"),
        templates=own_templates("paper*", "report_macros*", "references.bib"),
    output:
        paper_tex="<results>/paper/paper.tex",
        setting_tex="<results>/paper/setting.tex",
        methods_tex="<results>/paper/methods.tex",
        results_tex="<results>/paper/results.tex",
        references_bib="<results>/paper/references.bib",
    log:
        "<logs>/render_paper.log",
    localrule: True
    conda:
        "../envs/report.yaml"
    params:
        facts=lambda wildcards: stage_facts(
            "", SLICES.whole | LACKING, "render_paper.py", ["babel", "jinja2", "markupsafe", "pandas"]
        ),
        results=lambda wildcards: CFG.study.results,
        study=SLICES.whole,
        partial=LACKING.get("partial"),
    script:
        "../scripts/render_paper.py"


rule compile_paper:
    """Make a PDF of the paper with the LaTeX of this machine."""
    input:
        sources=paper_sources(),
        figures=study_figures("pdf"),
    output:
        pdf="<results>/paper/paper.pdf",
    log:
        "<logs>/compile_paper.log",
    localrule: True
    conda:
        "../envs/report.yaml"
    params:
        facts=lambda wildcards: stage_facts("", {}, "compile_paper.py"),
    script:
        "../scripts/compile_paper.py"


rule pack_bundle:
    """Pack what shows and proves the study into one zip, an RO-Crate: page, numbers, tables, figures, answers, provenance."""
    input:
        files=bundled_artefacts(),
        references=sorted({task_rows(task) for task in CFG.study.tasks}),
        project=[own(file) for file in ("requirements.lock", "LICENSE", "Snakefile")] + own_rules(),
    output:
        bundle="<results>/bundle.zip",
    log:
        "<logs>/pack_bundle.log",
    localrule: True
    conda:
        "../envs/report.yaml"
    params:
        facts=lambda wildcards: stage_facts("", SLICES.whole | LACKING, "pack_bundle.py", ["pyyaml"]),
        results=lambda wildcards: CFG.study.results,
        study=SLICES.whole,
    script:
        "../scripts/pack_bundle.py"
