"""A Dask cluster runs sessions as this machine does: the same results, whoever is lost, or a reason that says what to do."""

import os
import shutil
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import dask
import distributed
import pytest
from conftest import BIN, ROOT, Project, environment_of_commands, wait_for, write_small_site
from torchproof.compare.check import check_chapter
from torchproof.compare.site import Site
from torchproof.model.runs import Job, Step
from torchproof.run import cluster as clusters
from torchproof.run.cache import Cache
from torchproof.run.cluster import Cluster, ClusterError
from torchproof.run.environment import installed
from torchproof.run.runner import Runner

HELPER = "def doubled(text):\n    return [2 * int(word) for word in text.split(',')]\n"
BESIDE = """
# %% A helper and a file
from helper import doubled

print(doubled(open("numbers.csv").read()))
"""
PLOT = """\
# %% A curve
import matplotlib.pyplot as plt

_ = plt.plot([1, 2, 4])
"""
THERE = """\
# %% There tags=["test"]
import torch

torch.arange(3.0)
"""
SLOW = "import time\n\ntime.sleep(600)"


def add(project, name, code, *slugs):
    project.write(f"snippets/{name}.py", code)
    cells = "\n\n".join(f"```cell\n{name}#{slug}\n```" for slug in slugs)
    project.write(f"docs/{name}.md", f"# {name}\n\n{cells}\n")


def write_site(project):
    write_small_site(project)
    project.write("snippets/a/b.py", project.read("snippets/a/b.py") + BESIDE)
    project.write("docs/a/b.md", project.read("docs/a/b.md") + "\n```cell\na/b#a-helper-and-a-file\n```\n")
    project.write("snippets/a/helper.py", HELPER)
    project.write("snippets/numbers.csv", "1,2,3\n")
    project.write("mkdocs.yml", project.read("mkdocs.yml") + "plugins: [search, torchproof]\n")
    add(project, "plot", PLOT, "a-curve")
    for number in range(4):
        add(project, f"c{number}", f"# %% A sum\nsum(range({number}))\n", "a-sum")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """A scheduler and two workers, each a process of its own."""
    folder = tmp_path_factory.mktemp("cluster")
    os.environ["WORKERS_PATH"] = "1"
    options = {"local_directory": str(folder), "resources": {"test": 1}, "dashboard_address": None}
    path = f"{os.environ['PATH']}{os.pathsep}/of/a/worker"
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("PYTHONPATH", environment_of_commands().get("PYTHONPATH", ""))
        running = distributed.LocalCluster(n_workers=2, threads_per_worker=1, env={"PATH": path}, **options)
    with running:
        yield running


@pytest.fixture(scope="module")
def address(cluster):
    return cluster.scheduler_address


@pytest.fixture(scope="module")
def site(once):
    """A site with a helper, a file and a plot; its transcripts were accepted here."""

    def make(folder):
        write_site(Project(folder))
        accepted = Project(folder).run("torchproof", "accept")
        assert accepted.returncode == 0, accepted.stdout
        shutil.rmtree(folder / ".cache")

    return Project(once("cluster-site", make))


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def cell(code: str) -> Job:
    return Job("snippets/x.py", f"# %% A\n{code}\n", (Step("a", code, 2, False),), "cpu")


# --- what comes back --------------------------------------------------------------------------------------------------


def test_a_session_runs_on_a_worker(project, address):
    with Runner(project.root, scheduler=address) as runner:
        run = runner.run(cell("import os\nprint(os.environ['PATH'])"))

    assert not run.died
    assert "/of/a/worker" in run.cells["a"].outputs[0].text


def test_what_runs_there_is_what_runs_here(project, address):
    site = Site.read(project.root)
    with Runner(project.root, cached=False) as here, Runner(project.root, cached=False, scheduler=address) as there:
        for name in site.snippets:
            ours, theirs = (check_chapter(site, runner, name) for runner in (here, there))
            assert theirs.problems == ours.problems == []
            assert theirs.merged == ours.merged == project.read(site.snippets[name].transcript())
            assert [run.figures for run in theirs.run.cells.values()] == [
                run.figures for run in ours.run.cells.values()
            ]


def test_what_a_worker_did_is_in_the_cache_here(project, address):
    site = Site.read(project.root)
    with Runner(project.root, scheduler=address) as runner:
        check = check_chapter(site, runner, "a/b")

    job = site.job(site.snippets["a/b"], site.snippets["a/b"].cells, "cpu")
    assert Cache(project.root).load(job) == check.run


def test_a_build_on_a_cluster_writes_the_bytes_of_one_here_though_a_worker_is_killed(project, cluster, address):
    def build(target, **more):
        shutil.rmtree(project.root / ".cache", ignore_errors=True)
        built = project.run(
            "mkdocs", "build", "--strict", "-q", "--site-dir", str(project.root.parent / target), **more
        )
        assert built.returncode == 0, built.stdout
        return files(project.root.parent / target)

    with ThreadPoolExecutor() as pool:
        building = pool.submit(build, "there", TORCHPROOF_SCHEDULER=address)
        os.kill(wait_for(lambda: busy(cluster))[0], signal.SIGKILL)
        there = building.result()
    here = build("here")

    differ = [file for file in here.keys() | there.keys() if here.get(file) != there.get(file)]
    assert [file for file in differ if not file.startswith("sitemap.xml")] == []


def test_accept_on_a_cluster_writes_what_accept_here_wrote(project, address):
    before = files(project.root / "snippets")
    (project.root / "snippets/a/b.cpu.txt").unlink()

    accepted = project.run("torchproof", "accept", "-k", "a/b", "--scheduler", address)

    assert accepted.returncode == 0, accepted.stdout
    assert files(project.root / "snippets") == before


def test_a_device_is_recorded_by_a_worker_that_has_it(project, address):
    add(project, "there", THERE, "there")

    recorded = project.run("torchproof", "record", "--device", "test", "-k", "there", "--scheduler", address)

    assert recorded.returncode == 0, recorded.stdout
    assert "= tensor([0., 1., 2.])" in project.read("snippets/there.test.txt")


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("snippets/a/b.py", "[10], [20]", "[10], [30]"),
        ("docs/a/b.md", "(0, 1)", "(1, 0)"),
        ("snippets/a/helper.py", "2 *", "3 *"),
        ("snippets/numbers.csv", "1,2", "1,4"),
        ("snippets/a/b.cpu.txt", "[2, 4, 6]", "[2, 4, 7]"),
    ],
    ids=["a cell", "a proof", "a helper", "a file", "a transcript"],
)
def test_a_change_is_seen_as_it_is_here(project, address, file, old, new):
    with Runner(project.root, scheduler=address) as runner:
        check_chapter(Site.read(project.root), runner, "a/b")  # what was before is in the cache
    project.replace(file, old, new)
    site = Site.read(project.root)
    with Runner(project.root, scheduler=address) as there, Runner(project.root, cached=False) as here:
        seen, expected = (check_chapter(site, runner, "a/b").problems for runner in (there, here))

    assert seen == expected != []


# --- who is lost ------------------------------------------------------------------------------------------------------


def busy(cluster) -> list[int]:
    """The workers at work, by their process."""
    workers = cluster.scheduler.workers.values()
    at_work = [worker.address for worker in workers if worker.processing]
    return [nanny.pid for nanny in cluster.workers.values() if nanny.worker_address in at_work]


def waits_for(marker: Path) -> str:
    return f"import os, time\nwhile not os.path.exists({str(marker)!r}):\n    time.sleep(0.05)\nprint('done')"


def test_the_sessions_of_a_killed_worker_run_on_another(project, cluster, address):
    marker = project.root / "killed"
    runs = []
    with Runner(project.root, scheduler=address) as runner:
        thread = threading.Thread(target=lambda: runs.append(runner.run(cell(waits_for(marker)))))
        thread.start()
        [worker] = wait_for(lambda: busy(cluster))
        os.kill(worker, signal.SIGKILL)
        marker.touch()
        thread.join()

    assert not runs[0].died
    assert runs[0].cells["a"].outputs[0].text == "done\n"


def test_a_session_whose_scheduler_goes_away_says_so(project, monkeypatch):
    monkeypatch.setattr(clusters, "ANSWER", 2)
    monkeypatch.setattr(clusters, "PATIENCE", 2)
    marker = project.root / "gone"
    runs = []
    brief = distributed.LocalCluster(n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None)
    with Runner(project.root, scheduler=brief.scheduler_address) as runner:
        thread = threading.Thread(target=lambda: runs.append(runner.run(cell(waits_for(marker)))))
        thread.start()
        assert wait_for(lambda: any(worker.processing for worker in brief.scheduler.workers.values()))
        brief.sync(brief.scheduler.close)
        thread.join(60)
        marker.touch()
    with dask.config.set({"distributed.comm.timeouts.connect": "1s"}):  # its end tells the scheduler, which is gone
        brief.close()

    assert runs[0].died.what == "the session was lost"
    assert brief.scheduler_address in str(runs[0].died)


def test_ctrl_c_ends_a_command_that_waits_for_a_worker_and_its_session_there(project, cluster, address):
    add(project, "slow", f"# %% Slow\n{SLOW}\n", "slow")
    command = [BIN / "torchproof", "check", "-k", "slow", "--scheduler", address]
    with subprocess.Popen(command, cwd=project.root, env=environment_of_commands()) as process:
        assert wait_for(lambda: busy(cluster))
        process.send_signal(signal.SIGINT)
        status = process.wait(60)

    def working():
        from torchproof.run import cluster

        return list(cluster.WORKING)

    assert status == 130
    with distributed.Client(address) as client:
        assert wait_for(lambda: not any(client.run(working).values())), "what nobody waits for goes on"


# --- who is refused ---------------------------------------------------------------------------------------------------


def refusal(project, address) -> str:
    with pytest.raises(ClusterError) as refused:
        Cluster(address, project.root, 60.0)
    return str(refused.value)


def test_a_scheduler_that_does_not_answer_is_named(project, monkeypatch):
    monkeypatch.setattr(clusters, "ANSWER", 0.5)

    assert refusal(project, "tcp://127.0.0.1:9").startswith("tcp://127.0.0.1:9: no scheduler answers (")
    assert "`dask scheduler`" in refusal(project, "nonsense")


def test_without_dask_the_way_out_is_its_extra(project, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)

    assert refusal(project, "tcp://127.0.0.1:9") == "--scheduler needs Dask; install torchproof[cluster]"


@pytest.fixture
def misfits(cluster, address, tmp_path):
    """Three more workers: with another engine, with another torch, with none of ours; by what they are."""
    shutil.copytree(ROOT / "scripts/torchproof", tmp_path / "engine/torchproof")
    with (tmp_path / "engine/torchproof/run/session.py").open("a") as session:
        session.write("# edited\n")
    (tmp_path / "torch/torch-2.12.0.dist-info").mkdir(parents=True)
    (tmp_path / "torch/torch-2.12.0.dist-info/METADATA").write_text("Name: torch\nVersion: 2.12.0\n")
    (tmp_path / "none/torchproof").mkdir(parents=True)
    (tmp_path / "none/torchproof/__init__.py").touch()
    there = {*cluster.scheduler.workers}
    started = []
    for name in ("engine", "torch", "none"):
        path = os.pathsep.join([str(tmp_path / name), str(ROOT / "scripts"), os.environ.get("PYTHONPATH", "")])
        command = [sys.executable, "-m", "distributed.cli.dask_worker", address, "--name", name, "--nthreads", "1"]
        with (tmp_path / f"{name}.log").open("w") as log:
            options = {"cwd": tmp_path, "env": os.environ | {"PYTHONPATH": path}, "stdout": log, "stderr": log}
            started.append(subprocess.Popen([*command, "--no-nanny", "--no-dashboard"], **options))
    assert wait_for(lambda: len(new := cluster.scheduler.workers.keys() - there) == 3 and new)
    yield {cluster.scheduler.workers[address].name: address for address in cluster.scheduler.workers.keys() - there}
    for process in started:
        process.kill()
        process.wait()
    assert wait_for(lambda: not cluster.scheduler.workers.keys() - there)


def test_workers_of_another_engine_or_torch_are_named_and_run_nothing(project, address, misfits, capfd):
    with Runner(project.root, scheduler=address) as runner:
        with ThreadPoolExecutor(8) as pool:
            runs = list(pool.map(runner.run, [cell(f"print({number})") for number in range(8)]))
        only = [runner.zygote.workers[misfit].unfit("cpu") for misfit in misfits.values()]

    assert [run.cells["a"].outputs[0].text for run in runs] == [f"{number}\n" for number in range(8)]
    told = capfd.readouterr().err
    for name, reason in {
        "engine": "it has another torchproof; install the one that runs here",
        "torch": f"it has torch 2.12.0, and {installed()['torch']} here; start it in an environment like this one",
        "none": "it cannot say what it has (ModuleNotFoundError(",
    }.items():
        assert f"{misfits[name]}: this worker is left out: {reason}" in told
    assert all(only)


def test_where_every_worker_is_refused_the_reasons_are_told(project, address, monkeypatch):
    machine = clusters.machine() | {"python": "3.99.0"}
    monkeypatch.setattr(clusters, "machine", lambda: machine)

    refused = refusal(project, address)

    assert refused.startswith(f"{address}: no worker for a session of cpu: tcp://")
    assert ", and 3.99.0 here" in refused
    assert refused.endswith(f"start one here or elsewhere with `dask worker {address}`")


def test_a_worker_without_torch_is_told_from_one_that_has_it():
    machine = clusters.machine()
    without = {name: value for name, value in machine.items() if name != "torch"}

    assert clusters._Worker(machine, 1, {}).unfit("cpu") == ""
    assert clusters._Worker(without, 1, {}).unfit("cpu").startswith(f"it has torch none, and {machine['torch']} here")


def test_a_recording_may_come_from_another_system():
    there = clusters._Worker(clusters.machine() | {"system": "Linux aarch64"}, 1, {"cuda": 1})

    assert there.unfit("cuda") == ""
    assert there.unfit("cpu").startswith("it has system Linux aarch64, and ")


def test_no_command_imports_dask_that_does_not_need_it():
    imports = (
        "import sys, torchproof.cli, torchproof.builders.mkdocs; print({'distributed', 'dask'} & set(sys.modules))"
    )

    told = subprocess.run([sys.executable, "-c", imports], capture_output=True, text=True, check=True)

    assert told.stdout == "set()\n"


def test_a_device_that_no_worker_has_is_named(project, address):
    add(project, "there", THERE.replace("test", "cuda"), "there")

    recorded = project.run("torchproof", "record", "--device", "cuda", "-k", "there", "--scheduler", address)

    assert recorded.returncode == 2
    assert "it has no resource `cuda`" in recorded.stdout
    assert f'`dask worker {address} --resources "cuda=1"`' in recorded.stdout
