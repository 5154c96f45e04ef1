"""Numbers from control groups, as kernels of both kinds write them."""

from pathlib import Path

from dea_agent.runtimes.cgroup import V1Cgroup, V2Cgroup, detect


def test_v2_memory_is_without_the_cache_that_would_go_first(tmp_path: Path) -> None:
    files = {
        "memory.current": "1000\n",
        "memory.stat": "anon 500\nfile 400\ninactive_file 300\n",
        "cpu.stat": "usage_usec 2500000\nuser_usec 1\n",
        "memory.events": "low 0\nhigh 0\nmax 4\noom 1\noom_kill 2\n",
        "cgroup.procs": "12\n13\n",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    group = V2Cgroup(tmp_path)
    assert (group.memory_bytes(), group.cpu_s(), group.oom_kills(), group.pids()) == (700, 2.5, 2, [12, 13])


def test_v1_numbers_come_from_three_hierarchies(tmp_path: Path) -> None:
    (tmp_path / "memory.usage_in_bytes").write_text("1000\n")
    (tmp_path / "memory.stat").write_text("cache 1\ninactive_file 1\ntotal_inactive_file 300\n")
    (tmp_path / "memory.oom_control").write_text("oom_kill_disable 0\nunder_oom 0\noom_kill 1\n")
    (tmp_path / "cpuacct.usage").write_text("2500000000\n")
    group = V1Cgroup(tmp_path, tmp_path, tmp_path)
    assert (group.memory_bytes(), group.cpu_s(), group.oom_kills(), group.pids()) == (700, 2.5, 1, [])


def test_folders_that_are_no_control_groups_are_not_taken_for_some(tmp_path: Path) -> None:
    assert detect("zf-test", tmp_path) is None
    for controller in ("memory", "pids", "cpuacct"):
        (tmp_path / controller).mkdir()
    assert detect("zf-test", tmp_path) is None
