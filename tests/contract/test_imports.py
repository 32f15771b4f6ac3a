"""Light jobs are light: what they run never loads torch, directly or through another library."""

import json
import tempfile

import pytest
from project_files import SCRIPTS, STAGES, TOOLS, list_code, list_imports

from tests.forks import SNAKEMAKE, read_python

# of which the tests below see that they are
LIGHT = ("datasets", "sacrebleu", "rouge_score.rouge_scorer", "seaborn", "statsmodels")
HEAVY = ("torch", "transformers", "trl", "peft", "accelerate", "bitsandbytes", "gguf")
LIGHT_STAGES = [
    path.stem for path in STAGES if path.stem.startswith(("fetch_dataset", "prepare_", "score_", "compare_"))
]
LIGHT_STAGES += [path.stem for path in STAGES if path.stem.startswith(("plot_", "render_", "compile_", "pack_"))]
# imports the modules one after the other and prints the first that brought a heavy library along
PROBE = """
import importlib, json, sys
sys.path.insert(0, sys.argv[1])
modules, heavy = json.loads(sys.argv[2])
for module in ["json", *modules]:
    importlib.import_module(module)
    loaded = [name for name in heavy if name in sys.modules]
    if loaded:
        sys.exit(f"{module} loads {', '.join(loaded)}")
print(len(modules), "modules")
"""


def find_heavy(modules: list[str], loaded: tuple[str, ...] = (*SNAKEMAKE, *LIGHT)) -> str | None:
    """Import the modules in a process of their own; return what went wrong, above all that one loads a heavy library.

    The process is a fork of one that has loaded light libraries.
    """
    with tempfile.NamedTemporaryFile("w", suffix=".py") as probe:
        probe.write(PROBE)
        probe.flush()
        _, printed = read_python(SCRIPTS, probe.name, str(SCRIPTS), json.dumps([modules, HEAVY]), loaded=loaded)
    last = printed.strip().splitlines()[-1]
    return None if last == f"{len(modules)} modules" else last


def test_every_script_can_be_imported_without_loading_a_heavy_library():
    assert find_heavy([path.stem for path in STAGES]) is None


def test_every_tool_can_be_imported_without_loading_a_heavy_library():
    assert find_heavy([path.stem for path in TOOLS]) is None


def test_the_config_is_validated_without_loading_a_heavy_library():
    assert find_heavy(["tunelab.config.loading", "tunelab.jobs.provenance"]) is None


@pytest.mark.parametrize("stage", LIGHT_STAGES)
def test_a_light_stage_loads_no_heavy_library_whatever_it_calls(stage):
    files = list_code(stage)
    own = [".".join(file.relative_to(SCRIPTS).with_suffix("").parts).removesuffix(".__init__") for file in files]
    # libraries that a function imports when it is called are loaded by it all the same
    libraries = sorted({name for file in files for name in list_imports(file)} - set(own))
    assert find_heavy([*own, *libraries]) is None


@pytest.mark.parametrize("module", LIGHT)
def test_the_libraries_of_light_stages_are_light(module):
    assert find_heavy([module], SNAKEMAKE) is None


def test_the_probe_finds_a_heavy_library():
    assert find_heavy(["json", "tunelab.models.device"]).startswith("tunelab.models.device loads torch")
