"""What verdicts claim, in a sentence: which metric they stand on, and on which the tests decide otherwise."""

from gettext import NullTranslations

from tunelab.comparison.metrics import NEUTRAL, find_metric
from tunelab.comparison.rows import Verdict
from tunelab.config.study import Study
from tunelab.reporting.findings import group_verdicts
from tunelab.reporting.remarks import Doubts, join_doubts

MOST_NAMES, MOST_CLAIMS = 4, 4  # runs or metrics of a claim, and claims of a task, that can still be read


def tell_claims(study: Study, rows: list[dict], words: NullTranslations) -> str:
    """Tell what findings on first metrics came to, task by task."""
    _ = words.gettext
    said = [
        _("%(task)s, by %(metric)s: %(claims)s")
        % {
            "task": name_task(study, task, words),
            "metric": name_metric(study, groups[0]["metric"], words),
            "claims": _("; ").join(_list_claims(study, groups, words)),
        }
        for task, groups in group_verdicts(rows).items()
    ]
    return join_sentences(said, words)


def _list_claims(study: Study, groups: list[dict], words: NullTranslations) -> list[str]:
    """List what the groups of `group_verdicts` claim, undecided ones in a few words."""
    _ = words.gettext
    told = [group for group in groups if group["verdict"] != "undecided" or group["contrary"]]
    undecided = [row for group in groups if group not in told for row in group["rows"]]
    if len(told) > MOST_CLAIMS:
        rows = [row for group in groups for row in group["rows"]]
        decided, contrary = (
            sum(map(bool, found))
            for found in ([row["verdict"] != "undecided" for row in rows], [row["contrary"] for row in rows])
        )
        said = _("%(decided)s of %(of)s differences are decided") % {"decided": decided, "of": len(rows)}
        if contrary:
            said += _("; on %(count)s, other metrics say otherwise") % {"count": contrary}
        return [said + tell_remark(study, join_doubts(rows), words)]
    claims = []
    for group in told:
        claim = _claim(study, group["verdict"], group["against"], [row["run"] for row in group["rows"]], words)
        if group["contrary"]:
            claim = _("%(claim)s, but %(contrary)s") % {
                "claim": claim,
                "contrary": tell_contrary(study, group["contrary"], words),
            }
        claims.append(claim + tell_remark(study, group["doubted"], words))
    if not undecided:
        return claims
    if len(undecided) == 1:
        names = {role: study.run(undecided[0][role])["label"] for role in ("run", "against")}
        rest = _("%(run)s and %(against)s cannot be told apart") % names
    else:
        rest = _("nothing else is decided") if claims else _("nothing is decided")
    return [*claims, rest + tell_remark(study, join_doubts(undecided), words)]


def tell_contrary(study: Study, contrary: list[tuple[str, str]], words: NullTranslations) -> str:
    """Tell on which metrics the tests decide otherwise: `worse in chrF`."""
    _ = words.gettext
    phrases = {"better": _("better in %(metrics)s"), "worse": _("worse in %(metrics)s")}
    said = []
    for verdict, phrase in phrases.items():
        names = [name_metric(study, metric, words) for metric, found in contrary if found == verdict]
        if len(names) > MOST_NAMES:
            names = [_("%(count)s metrics") % {"count": len(names)}]
        if names:
            said.append(phrase % {"metrics": join_names(names, words)})
    return join_names(said, words)


def tell_remark(study: Study, doubts: Doubts, words: NullTranslations) -> str:
    """Say behind a claim of which of its runs it says little, and why; nothing if there is none."""
    if not doubts:
        return ""
    _ = words.gettext
    reasons = {
        "starved": _("%(runs)s: too few completions to expect an effect"),
        "degenerate": _("%(runs)s: repetitive answers"),
    }
    said = [reasons[reason] % {"runs": join_runs(study, runs, words)} for reason, runs in doubts.items()]
    return _(" (%(remark)s)") % {"remark": _("; ").join(said)}


def _claim(study: Study, verdict: Verdict, against: str, runs: list[str], words: NullTranslations) -> str:
    ngettext, n = words.ngettext, len(runs)
    sentence = {
        "better": ngettext("%(runs)s is better than %(against)s", "%(runs)s are better than %(against)s", n),
        "worse": ngettext("%(runs)s is worse than %(against)s", "%(runs)s are worse than %(against)s", n),
        "equivalent": ngettext("%(runs)s is equivalent to %(against)s", "%(runs)s are equivalent to %(against)s", n),
        "undecided": ngettext(
            "%(runs)s is not told apart from %(against)s", "%(runs)s are not told apart from %(against)s", n
        ),
    }[verdict]
    return sentence % {"runs": join_runs(study, runs, words), "against": study.run(against)["label"]}


def name_task(study: Study, task: str, words: NullTranslations) -> str:
    """Return a task's label, or what a neutral text is called."""
    if task in study.tasks:
        return study.task(task)["label"]
    _ = words.gettext
    return _("Neutral text %(name)s") % {"name": task.removeprefix(NEUTRAL)}


def name_metric(study: Study, metric: str, words: NullTranslations) -> str:
    """Return what a metric is called; a name that is the same in every language stays as it is."""
    described = find_metric(metric, study.own_metrics)
    return described.label if described.is_name else words.gettext(described.label)


def join_runs(study: Study, runs: list[str], words: NullTranslations) -> str:
    """Join the labels of runs as a sentence has them; of many runs, tell how many they are."""
    _ = words.gettext
    if len(runs) > MOST_NAMES:
        return _("%(shown)s runs") % {"shown": len(runs)}
    return join_names([study.run(run)["label"] for run in runs], words)


def join_names(names: list[str], words: NullTranslations) -> str:
    """Join names as a sentence has them."""
    _ = words.gettext
    *first, last = names
    return _(" and ").join([_(", ").join(first), last]) if first else last


def join_sentences(sentences: list[str], words: NullTranslations) -> str:
    """Join sentences that have no full stop yet; a single one is a title, and gets none."""
    _ = words.gettext
    if len(sentences) == 1:
        return sentences[0]
    return "".join(_("%(sentence)s. ") % {"sentence": sentence} for sentence in sentences).strip()
