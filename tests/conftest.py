import gc
import os

gc.disable()  # until all is imported: nothing of it is garbage, and searching it takes a quarter of the time
# these begin first, so that none of them is left to one process when the others have done all else
LONGEST = ("test_slurm_study.py", "test_killed_study.py", "test_methods_study.py", "test_checkpoints.py")


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: item.path.name not in LONGEST)


def pytest_collection_finish():
    """Spare the libraries each search for garbage; accelerate has one after every training, however small."""
    gc.enable()
    gc.collect()
    gc.freeze()


def pytest_runtest_setup(item):
    """Let the killed study, which takes longest, go before what runs beside it."""
    if item.path.name != "test_killed_study.py":
        os.setpriority(os.PRIO_PROCESS, 0, 5)
