"""Install a lock file's packages into this Python's environment with uv, from where pip would take them.

    python envs/install.py requirements.lock [cpu|default]

The second word is the build of PyTorch. Without it a Linux machine that has no NVIDIA GPU gets the CPU build, which
spares it gigabytes of CUDA libraries, if that build can be had.
"""

import ast
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

UV = "uv==0.13.9"
CPU_BUILD = Path(__file__).with_name("torch-cpu.txt")
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
# pip's option: the variable that says the same to uv, which does not read pip's configuration
VARIABLES = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "trusted-host": "UV_INSECURE_HOST",
    "default-timeout": "UV_HTTP_TIMEOUT",
    "timeout": "UV_HTTP_TIMEOUT",
    "retries": "UV_HTTP_RETRIES",
    "cert": "SSL_CERT_FILE",
    "client-cert": "SSL_CLIENT_CERT",
    "proxy": "ALL_PROXY",
}


def main(lock: str, build: str = "") -> int:
    if build not in ("", "cpu", "default"):
        print(f"TORCH={build} names no build of PyTorch: say cpu or default, or leave it out.", file=sys.stderr)
        return 2
    settings = read_pip()
    environment = translate(settings) | os.environ
    install = [*find_uv(), "pip", "install", "--python", sys.executable, "--require-hashes"]
    if settings.get("no-index", "").lower() in ("1", "true", "yes", "on"):  # the only one of them without a variable
        install.append("--no-index")

    def run(*arguments: str, **options) -> int:
        return subprocess.run([*install, *arguments], env=environment, **options).returncode

    pin = re.search(r"^torch==(\S+)", Path(lock).read_text(encoding="utf-8"), re.M)
    if not pin:
        return run("--requirement", lock)
    source = find_cpu_build(run, build)
    if source is None:
        # `==` would also take 2.0.0+cpu or 2.0.0+cu130, whose hashes the lock does not have
        return run("--requirement", lock, "--constraint", "-", input=f"torch==={pin[1]}".encode())
    # alone: PyTorch's index has files of its own for other packages too
    return run("--requirement", str(CPU_BUILD), "--no-deps", *source) or run(
        "--requirement", lock, "--override", str(CPU_BUILD)
    )


def read_pip() -> dict[str, str]:
    """Return what pip is configured to do, by the long name of the option."""
    command = [sys.executable, "-m", "pip", "config", "list", "--disable-pip-version-check"]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    settings = {}
    for section in ("global.", "install.", ":env:."):  # the later overrides the earlier, as in pip
        for line in lines:
            if line.startswith(section):
                option, _, value = line.removeprefix(section).partition("=")
                settings[option] = ast.literal_eval(value)
    return settings


def translate(settings: dict[str, str]) -> dict[str, str]:
    """Return the environment that makes uv do as pip with these settings."""
    environment = {
        # pip takes the best version that any index has; uv would stop at the first index that knows the name. What
        # makes that unsafe elsewhere, a stranger's package of the same name, the hashes refuse.
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        # as pip does by itself; where Python may not write bytecode, every process would compile it all again
        "UV_COMPILE_BYTECODE": "true",
        "UV_SYSTEM_CERTS": "true",  # as pip does by itself from 24.2 on
    }
    for option, variable in VARIABLES.items():
        if option in settings:
            separator = "," if option == "find-links" else " "
            environment[variable] = separator.join(settings[option].split())
    return environment


def find_uv() -> list[str]:
    """Return the command of the uv on PATH; if there is none, of one installed here with pip."""
    here = [sys.executable, "-m", "uv"]
    for command in (["uv"], here):
        if shutil.which(command[0]) and not subprocess.run([*command, "--version"], capture_output=True).returncode:
            return command
    subprocess.run([sys.executable, "-m", "pip", "install", "--disable-pip-version-check", UV], check=True)
    return here


def find_cpu_build(run, build: str) -> list[str] | None:
    """Return the options that lead uv to PyTorch's CPU build, None to take the default build."""
    if build == "default" or (not build and (sys.platform != "linux" or shutil.which("nvidia-smi"))):
        return None
    print("Looking for PyTorch's CPU build.", flush=True)
    probe = ["--requirement", str(CPU_BUILD), "--no-deps", "--dry-run"]
    for source in ([], ["--index", CPU_INDEX]):
        if run(*probe, *source, capture_output=True) == 0:
            return source
    if build:
        return source  # whoever asks for this build reads uv's reason, not another build
    print(
        f"Neither pip's sources nor {CPU_INDEX} give PyTorch's CPU build, so the default build comes, with gigabytes "
        "of CUDA libraries that this machine does not need; `make setup TORCH=cpu` says why.",
        flush=True,
    )
    return None


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
