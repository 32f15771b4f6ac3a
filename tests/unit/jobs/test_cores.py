"""A container's quota of processor time, in either version of cgroups, and at any depth."""

import pytest

from tunelab.jobs.hardware import limit_cores

V1 = {"cpu.cfs_quota_us": "{}\n", "cpu.cfs_period_us": "100000\n"}
HYBRID = "9:name=systemd:/\n4:memory:/box\n2:cpu,cpuacct:/box/job\n1:cpuset:/\n0::/\n"


@pytest.mark.parametrize(
    ("groups", "files", "cores"),
    [
        ("0::/\n", {"cpu.max": "200000 100000\n"}, 2),
        ("0::/\n", {"cpu.max": "max 100000\n"}, 16),
        ("0::/\n", {"cpu.max": "150000 100000\n"}, 1),
        ("0::/\n", {"cpu.max": "50000 100000\n"}, 1),
        ("0::/\n", {}, 16),
        ("0::/box/job\n", {"box/cpu.max": "300000 100000\n", "box/job/cpu.max": "max 100000\n"}, 3),
        ("0::/elsewhere\n", {"cpu.max": "400000 100000\n"}, 4),
        (HYBRID, {f"cpu,cpuacct/box/job/{name}": text.format(500000) for name, text in V1.items()}, 5),
        (HYBRID, {f"cpu/{name}": text.format(250000) for name, text in V1.items()}, 2),
        (HYBRID, {f"cpu/{name}": text.format(-1) for name, text in V1.items()}, 16),
        ("nonsense\n", {"cpu.max": "nonsense\n"}, 16),
        (None, {}, 16),
    ],
)
def test_no_more_cores_than_the_quota_has(tmp_path, groups, files, cores):
    if groups is not None:
        (tmp_path / "cgroup").write_text(groups)
    for name, text in files.items():
        (tmp_path / "mount" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "mount" / name).write_text(text)
    assert limit_cores(16, tmp_path / "cgroup", tmp_path / "mount") == cores
    assert limit_cores(1, tmp_path / "cgroup", tmp_path / "mount") == 1
