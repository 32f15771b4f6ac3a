import gc
import os

gc.disable()  # until all is imported: nothing of it is garbage, and searching it takes a quarter of the time


def pytest_collection_finish():
    """Spare the libraries each search for garbage; accelerate has one after every training, however small."""
    gc.enable()
    gc.collect()
    gc.freeze()


def pytest_runtest_setup(item):
    """Let the killed study, which takes longest, go before what runs beside it."""
    if item.path.name != "test_killed_study.py":
        os.setpriority(os.PRIO_PROCESS, 0, 5)
