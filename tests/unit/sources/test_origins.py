from tunelab.sources.folders import render_origin

LOCAL = {
    "source": "local",
    "files": ["/home/me/quiz.jsonl"],
    "test_files": ["/home/me/held-out.jsonl"],
    "licence": None,
}


def test_a_rows_origin_is_its_file_or_all_files_it_may_be_from():
    card = {"dataset": "quiz", "source": LOCAL}
    assert render_origin(card, "train") == "/home/me/quiz.jsonl"
    assert render_origin(card, "test") == "/home/me/held-out.jsonl"
    card["source"] = LOCAL | {"files": ["a.csv", "b.csv"]}
    assert render_origin(card, "train") == "Data set quiz, split train (a.csv, b.csv taken together)"
    card["source"] = {"source": "hub", "repo_id": "x/y"}
    assert render_origin(card, "train") == "Data set quiz, split train"
