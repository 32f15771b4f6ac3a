from tunelab.scoring.pass_at_k import estimate
from tunelab.scoring.scorers import build_sample_scores


def test_one_number_in_several_spellings_is_one_answer_of_the_majority():
    said = ["18", "$18.00", "18。", "7", "7", "1e3", "1e3"]
    samples = [
        {"id": "a", "sample": number, "completion": f"<answer>{text}</answer>", "tokens": 1, "finish": "stop"}
        for number, text in enumerate(said)
    ]
    scores = build_sample_scores(samples, [{"id": "a", "answer": "18"}], len(said), "sums")
    assert [score["tagged"] for score in scores] == [True] * 3 + [False] * 4
    assert estimate("maj", len(said), scores) == 1.0
