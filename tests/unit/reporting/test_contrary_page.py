"""Page, paper and figures say where tested metrics of one pair decide otherwise than the first."""

import re

import pytest

from tests.unit.reporting.page_factory import draw_figures, render_page
from tests.unit.reporting.test_paper import write_paper
from tunelab.records import read_json, write_json

PAIR = {"run": "lora", "against": "base", "task": "support"}


@pytest.fixture
def judged(changed_study):
    """Return a function that gives LoRA's metrics against the untouched model these verdicts, and renders all."""
    root, study = changed_study

    def judge(changes=None, **verdicts):
        table = read_json(root / "results.json") | (changes or {})
        numbers = {"p": 0.001, "p_corrected": 0.004, "smallest_detectable": 9.0}
        for row in table["contrasts"]:
            if PAIR.items() <= row.items() and row["metric"] in verdicts:
                value = -4.3 if verdicts[row["metric"]] == "worse" else 0.4
                row |= numbers | {"verdict": verdicts[row["metric"]], "value": value}
                row |= {"low": value - 2, "high": value + 2}
            elif row["task"] == "support" and not row["primary"]:
                row["verdict"] = "undecided"
        write_json(root / "results.json", table)
        draw_figures(root, study)
        return render_page(root, study), " ".join(write_paper(root, study)["results.tex"].split())

    return judge


def test_a_better_loss_and_a_worse_likeness_are_told_in_one_breath_everywhere(judged):
    page, paper = judged(loss="better", chrf="worse", rouge_l="undecided")
    first = page.words.partition("Contents")[0]
    assert "worse in chrF" in first.partition("What was asked")[0]  # below the value's sign
    groups = first.partition("what the tests say")[2].partition("Every verdict in a sentence")[0]
    assert re.search(r"better than untouched, but worse in chrF: LoRA", groups)
    said = "LoRA is better than untouched on Technical questions in held.out loss"
    assert re.search(rf"{said} \([^)]+\), but worse in chrF \(−4.3 \[−6.3,.−2.3\], p.=.0.004\)", first)
    headlines = re.findall(r'<p class="headline" dir="auto">(.*?)</p>', page.html)
    claim = re.compile("LoRA(?: and prefix tuning)? (?:is|are) better than untouched(, but worse in chrF)?")
    told = [found[1] for text in headlines for found in claim.finditer(text.partition("Technical")[2])]
    assert len(told) == 2 and all(told)  # over the values and over the differences
    changes = page.words.partition("Change against the untouched model")[2]
    assert "▼ worse in chrF" in changes.partition("Divergence from")[0]
    assert re.search(r"LoRA is better than untouched on Technical questions in held-out loss.*but worse in chrF", paper)


def test_an_undecided_first_metric_does_not_hide_what_others_decide(judged):
    page, _ = judged(loss="undecided", chrf="worse", rouge_l="worse")
    first = page.words.partition("Contents")[0]
    assert re.search("not told apart from untouched, but worse in ROUGE.L and chrF: LoRA", first)
    assert re.search(r"; but LoRA is worse in ROUGE.L \([^)]+\) and chrF \(", first)
    choice = first.partition("Which one should I take?")[2]
    assert re.search(r"not told apart: [^;]+; \w+ is better than", choice) and " ;" not in choice


def test_metrics_that_agree_are_not_told_apart(judged):
    page, _ = judged(loss="better", chrf="better", rouge_l="equivalent")
    assert not re.search(r"LoRA[^.;]*but (?:better|worse)", page.words.partition("Contents")[0])


def test_a_superlative_does_not_stand_where_another_metric_says_the_contrary(judged, made_study):
    table = read_json(made_study[0] / "results.json")
    others = {"prefix", "warmstart", "grpo", "base"}
    contrasts = []
    for row in table["contrasts"]:
        if row["task"] == "support" and row["primary"] and "lora" in (row["run"], row["against"]):
            row["verdict"] = "better" if row["run"] == "lora" else "worse"
            others -= {row["run"], row["against"]}
        contrasts.append(row)
    assert not others

    def read_choice(page):
        return page.words.partition("Which one should I take?")[2].partition("Made with")[0]

    page, _ = judged({"contrasts": contrasts}, loss="better")
    assert "LoRA better than every other run" in read_choice(page).replace("LoRAbetter", "LoRA better")
    page, _ = judged({"contrasts": contrasts}, loss="better", chrf="worse")
    assert "every other run" not in read_choice(page).partition("Technical questions")[2]
    assert "untouched is better than LoRA in chrF" in read_choice(page)


@pytest.mark.parametrize(
    ("verdict", "ends", "p", "said"),
    [
        (
            "undecided",
            (0.1, 0.7),
            0.02,
            "zero lies outside the interval, but after Holm's correction p\u202f=\u202f0.060",
        ),
        ("undecided", (0.1, 0.7), 0.06, "zero lies outside the interval, but the test gives p\u202f=\u202f0.060"),
        ("better", (-0.1, 0.7), 0.02, "zero lies within the interval, but the test gives p\u202f=\u202f0.060"),
        ("equivalent", (0.01, 0.02), 0.02, "a difference, but within the margin of 0.050"),
    ],
)
def test_a_verdict_that_seems_to_contradict_its_interval_says_why(changed_study, verdict, ends, p, said):
    root, study = changed_study
    table = read_json(root / "results.json")
    for row in table["contrasts"]:
        if PAIR.items() <= row.items() and row["primary"]:
            row |= {"verdict": verdict, "low": ends[0], "high": ends[1], "p": p, "p_corrected": 0.06}
    write_json(root / "results.json", table)
    page = render_page(root, study)
    contrasts = page.html.partition('id="contrasts-table"')[2].partition("</table>")[0]
    changes = page.html.partition('id="changes"')[2].partition("</table>")[0]
    for part in (contrasts, changes):
        assert said.replace("'", "&#39;") in part or said in part
