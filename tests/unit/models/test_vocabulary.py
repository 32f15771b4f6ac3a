"""A teacher of another model has the student's vocabulary, or is refused before anything is trained."""

import json
import shutil

import pytest
from check_vocabulary import main

from tunelab import records
from tunelab.errors import UserError

pytestmark = pytest.mark.weights


@pytest.fixture
def copy(llama, tmp_path):
    """Return a function that copies the tiny model under a name, with another file as `change` makes it."""

    def copy(name, file="config.json", change=lambda content: None):
        folder = tmp_path / name / "model"
        shutil.copytree(llama, folder)
        content = records.read_json(folder / file)
        change(content)
        (folder / file).write_text(json.dumps(content), encoding="utf-8")
        return folder.with_name("card.json")

    return copy


def compare(student, teacher, folder):
    main(student, teacher, folder / "vocabulary.json", "small", "large")
    return records.read_json(folder / "vocabulary.json")


def test_models_of_the_same_tokens_are_let_through(copy, qwen2, tmp_path):
    other = copy("large", "tokenizer_config.json", lambda content: content.pop("chat_template", None))
    for teacher in (other, qwen2.with_name("card.json")):
        assert compare(copy(teacher.parent.name + "small"), teacher, tmp_path) == {"tokens": 259, "rows": 259}


def swap(content):
    vocabulary = content["model"]["vocab"]
    vocabulary["a"], vocabulary["b"] = vocabulary["b"], vocabulary["a"]


def lengthen(content):
    content["model"]["vocab"] |= {"!" * 400: 256, "ba": 257}  # the added tokens then come after these


@pytest.mark.parametrize(("change", "count"), [(swap, 2), (lengthen, 5)])
def test_tokens_that_differ_are_counted_and_shown_with_a_remedy(copy, tmp_path, change, count):
    with pytest.raises(UserError) as refusal:
        compare(copy("small"), copy("large", "tokenizer.json", change), tmp_path)
    told = str(refusal.value)
    assert told.startswith("teacher: large has not the vocabulary of small, ") and f": {count} are missing" in told
    assert "Name a teacher of the same family" in told and len(told) < 400
    assert not (tmp_path / "vocabulary.json").exists()


def test_output_layers_of_other_sizes_are_told(copy, tmp_path):
    padded = copy("large", "config.json", lambda content: content.update(vocab_size=320))
    with pytest.raises(UserError, match=r"^teacher: the output layer of large has 320 rows and that of small has 259"):
        compare(copy("small"), padded, tmp_path)
