"""A Slurm of one node on this machine, started by hand: no systemd, no accounting, and nothing outside its folder."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

DAEMONS = ("munged", "slurmctld", "slurmd")
COMMANDS = ("sbatch", "srun", "squeue", "scancel", "scontrol")
CONFIG = """
ClusterName=trial
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
CredType=cred/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=batch_sched_delay=0,sched_interval=1,sched_min_interval=0,bf_interval=1
SlurmdParameters=config_overrides
ReturnToService=2
MinJobAge=3600
KillWait=2
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
NodeName={host} NodeAddr=127.0.0.1 CPUs=2 RealMemory=64000 State=UNKNOWN
PartitionName=main Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


def explain_lacking() -> str | None:
    """Say what is missing here to run a Slurm; None if nothing is."""
    if os.getuid():
        return "only root may run a Slurm of its own"
    missing = [name for name in (*DAEMONS, *COMMANDS) if not shutil.which(name)]
    return f"{', '.join(missing)} not found (`make programs` installs Slurm where apt is)" if missing else None


class Cluster:
    """A running Slurm; `path` is what a process needs at the front of its PATH to use it."""

    def __init__(self, folder: Path) -> None:
        self._host, self.path = socket.gethostname().partition(".")[0], folder / "commands"
        for name in ("munge", "state", "spool", "commands"):
            (folder / name).mkdir(mode=0o700)
        key, config = folder / "munge/key", folder / "slurm.conf"
        key.write_bytes(os.urandom(128))
        key.chmod(0o600)
        config.write_text(CONFIG.format(folder=folder, host=self._host, ports=_find_ports(2)), encoding="utf-8")
        for name in COMMANDS:  # a job step forgets SLURM_CONF
            program = self.path / name
            program.write_text(f'#!/bin/sh\nSLURM_CONF={config} exec {shutil.which(name)} "$@"\n', encoding="utf-8")
            program.chmod(0o755)
        self._pid_files = [folder / "slurmd.pid", folder / "slurmctld.pid", folder / "munge/pid"]
        places = {"socket": "socket", **{f"{name}-file": name for name in ("key", "pid", "log", "seed")}}
        options = [f"--{option}={folder / 'munge' / name}" for option, name in places.items()]
        subprocess.run(["munged", "--force", *options], check=True)
        for daemon in ("slurmctld", "slurmd"):
            subprocess.run([daemon, "-f", str(config)], check=True)
        wait_for(lambda: "State=IDLE" in self.call("scontrol", "show", "node"), "the node")

    def call(self, command: str, *arguments: str) -> str:
        return subprocess.run([self.path / command, *arguments], capture_output=True, text=True).stdout

    def drain(self) -> None:
        """Let no further job begin."""
        self.call("scontrol", "update", f"nodename={self._host}", "state=drain", "reason=trial")

    def resume(self) -> None:
        self.call("scontrol", "update", f"nodename={self._host}", "state=resume")

    def list_jobs(self, *states: str) -> dict[str, str]:
        """Return the numbers of all jobs in these states, each with the rule and wildcards that it is for."""
        chosen = f"--states={','.join(states or ['all'])}"
        lines = self.call("squeue", "--noheader", chosen, "--format=%i %k").splitlines()
        return dict(line.strip().split(" ", 1) for line in lines)

    def stop(self) -> None:
        for number in self.list_jobs("running", "pending"):
            self.call("scancel", number)
        wait_for(lambda: not self.list_jobs("running", "completing"), "the last jobs to end")
        for file in self._pid_files:
            os.kill(int(file.read_text(encoding="ascii")), signal.SIGTERM)


def wait_for(has_come: Callable[[], object], what: str, seconds: float = 300) -> None:
    """Wait until something has come; it is a fault if it never does."""
    end = time.monotonic() + seconds
    while not has_come():
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.1)


def _find_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports
