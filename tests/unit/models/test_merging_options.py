"""Whatever an adapter's options are, its merged model says the same, or that there is none is known beforehand."""

import pytest
import torch
from adapter_options import build_adapted, list_options
from architectures import SHAPE
from transformers import AutoConfig

from tunelab.errors import UserError
from tunelab.models import inspection, merging

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
TIED = {"model_type": "llama", "tie_word_embeddings": True}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("tied")
    AutoConfig.for_model(**(SHAPE | TIED)).save_pretrained(folder)
    return folder


@torch.inference_mode()
def say(model):
    return model(input_ids=torch.arange(60, 84)[None]).logits


@pytest.mark.parametrize("fields", list_options(), ids=lambda fields: "-".join(map(str, fields.values())))
def test_a_merged_model_says_the_same_or_is_refused_beforehand(fields, folder):
    try:
        model = build_adapted(fields, **TIED)
        apart = say(model)
    except inspection.ERRORS:
        return  # `test_adapter_options` sees that this is told
    try:
        merged = merging.merge_weights(model)
    except merging.REFUSALS:
        with pytest.raises(UserError, match="so that no merged model can be made"):
            merging.check_mergeable(folder, "mine", fields)
    else:
        torch.testing.assert_close(say(merged), apart, rtol=0, atol=merging.TOLERANCE)
        assert merging.check_mergeable(folder, "mine", fields) is None
