"""envs/install.py takes packages from where pip would, and the build of PyTorch that the machine can use."""

import os
import subprocess
import sys

import pytest
from project_files import PROJECT

from envs import install

UV = """#!/bin/sh
echo "$UV_DEFAULT_INDEX" "$@" >> calls
case "$*" in *--dry-run*) exit $PROBE ;; esac
"""


@pytest.fixture
def set_up(tmp_path):
    """Run the script beside a uv that only notes its calls; return the exit code, what it says, and the calls."""
    (tmp_path / "uv").write_text(UV)
    (tmp_path / "uv").chmod(0o755)

    def run(*arguments: str, programs: tuple[str, ...] = (), **environment: str) -> tuple[int, str, list[str]]:
        for program in programs:
            (tmp_path / program).symlink_to(tmp_path / "uv")
        command = [sys.executable, PROJECT / "envs/install.py", *arguments]
        environment = {"PATH": str(tmp_path), "PIP_CONFIG_FILE": os.devnull, **environment}
        ended = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
        _, *calls = (tmp_path / "calls").read_text().splitlines() if (tmp_path / "calls").exists() else [""]
        return ended.returncode, ended.stdout + ended.stderr, calls

    (tmp_path / "study.lock").write_text("torch==2.0 \\\n    --hash=sha256:0\n")
    (tmp_path / "tools.lock").write_text("pytest==1.0 \\\n    --hash=sha256:0\n")
    return run


on_linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has two builds of PyTorch")


def test_uv_is_told_what_pip_is_configured_to_do(tmp_path, monkeypatch):
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    lines = ["[global]", "index-url = https://a/simple", "extra-index-url =\n  https://b/simple\n  https://c/simple"]
    lines += ["timeout = 60", "[install]", "timeout = 90", "trusted-host = a b", "cert = /ca.pem"]
    (tmp_path / "pip.conf").write_text("\n".join(lines))
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
    monkeypatch.setenv("PIP_INDEX_URL", "https://mine/simple")
    monkeypatch.setenv("PIP_FIND_LINKS", "/wheels https://d/wheels")
    told = install.translate(install.read_pip())
    expected = {
        "UV_DEFAULT_INDEX": "https://mine/simple",
        "UV_INDEX": "https://b/simple https://c/simple",
        "UV_FIND_LINKS": "/wheels,https://d/wheels",
        "UV_HTTP_TIMEOUT": "90",
        "UV_INSECURE_HOST": "a b",
        "SSL_CERT_FILE": "/ca.pem",
    }
    assert {name: told.get(name) for name in expected} == expected


def test_a_variable_that_is_set_for_uv_counts_more_than_pips(set_up):
    mirrors = {"PIP_INDEX_URL": "https://pip/simple", "UV_DEFAULT_INDEX": "https://uv/simple"}
    _, _, (call,) = set_up("tools.lock", **mirrors)
    assert call.startswith("https://uv/simple pip install ")
    assert call.endswith("--require-hashes --requirement tools.lock")


@on_linux
def test_without_a_gpu_the_cpu_build_comes_before_the_rest(set_up):
    code, _, (probe, torch, rest) = set_up("study.lock", PROBE="0")
    assert code == 0
    assert "--dry-run" in probe
    assert torch.endswith(f"--requirement {install.CPU_BUILD} --no-deps")
    assert rest.endswith(f"--requirement study.lock --override {install.CPU_BUILD}")


@on_linux
def test_a_cpu_build_that_cannot_be_had_is_looked_for_in_two_places_and_the_fallback_is_said(set_up):
    code, said, (mirror, index, rest) = set_up("study.lock", PROBE="1")
    assert code == 0
    assert install.CPU_INDEX not in mirror
    assert index.endswith(f"--dry-run --index {install.CPU_INDEX}")
    assert rest.endswith("--requirement study.lock --constraint -")
    assert "so the default build comes, with gigabytes of CUDA libraries" in said


@on_linux
def test_a_cpu_build_that_is_asked_for_is_never_replaced_by_another(set_up):
    _, said, (*_, torch, rest) = set_up("study.lock", "cpu", PROBE="1", programs=("nvidia-smi",))
    assert torch.endswith(f"--requirement {install.CPU_BUILD} --no-deps --index {install.CPU_INDEX}")
    assert rest.endswith(f"--override {install.CPU_BUILD}")
    assert "default build" not in said


@pytest.mark.parametrize(("arguments", "programs"), [((), ("nvidia-smi",)), (("default",), ())])
def test_a_gpu_or_the_word_default_brings_the_default_build(set_up, arguments, programs):
    _, _, (rest,) = set_up("study.lock", *arguments, programs=programs)
    assert rest.endswith("--requirement study.lock --constraint -")


def test_an_unknown_build_is_named_with_those_there_are(set_up):
    code, said, _ = set_up("study.lock", "gpu")
    assert code == 2
    assert said == "TORCH=gpu names no build of PyTorch: say cpu or default, or leave it out.\n"
