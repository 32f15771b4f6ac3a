from tunelab.reporting.cards import name_files


def test_local_files_are_named_without_the_folders_of_the_one_who_ran_the_study():
    local = {"source": "local", "files": ["/home/me/quiz.jsonl"], "test_files": ["/home/me/held-out.jsonl"]}
    assert name_files(local) == {"files": ["quiz.jsonl", "held-out.jsonl"]}
    packaged = {"source": "pypi", "files": ["english/trivia.yml"], "test_files": []}
    assert name_files(packaged) == {"files": ["english/trivia.yml"]}
