"""The job files of docs/how-to/clusters.md are what their schedulers read, and what they run is a command of charrnn."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from charrnn.cli.app import application
from charrnn.errors import REQUEUE, CheckpointError, DataError, DivergedError, UsageError

JOBS = Path(__file__).parent.parent / "docs" / "jobs"
SLURM, KUBERNETES, SKYPILOT = (
    JOBS / name for name in ("slurm.sh", "kubernetes.yaml", "skypilot.yaml")
)
SBATCH = """account array begin chdir comment constraint container cpus-per-gpu cpus-per-task deadline dependency error
    exclude exclusive export gpus gpus-per-node gpus-per-task gres hint hold job-name licenses mail-type mail-user mem
    mem-per-cpu mem-per-gpu nice no-requeue nodelist nodes ntasks ntasks-per-gpu ntasks-per-node open-mode output
    partition priority qos requeue reservation signal switches time time-min tmp wait wckey"""
"""Most of the options that the manual of sbatch lists."""


def yaml_of(path):
    """The documents of a YAML file."""
    return [*pytest.importorskip("yaml").safe_load_all(path.read_text(encoding="utf-8"))]


def command_in(path):
    """The words of the command that a job runs, without `charrnn`."""
    if path == KUBERNETES:
        return yaml_of(path)[1]["spec"]["template"]["spec"]["containers"][0]["args"]
    line = re.search(r"charrnn (train .*)", path.read_text(encoding="utf-8"))
    return shlex.split(line[1])


@pytest.mark.parametrize("path", [SLURM, KUBERNETES, SKYPILOT], ids=lambda path: path.name)
def test_a_job_runs_a_command_that_can_be_run_again(path):
    name, *words = command_in(path)
    command = typer.main.get_command(application()).commands[name]
    given = command.make_context(name, words).params
    assert given["resume"]
    assert given["name"]
    assert given["corpus"] == ["plays.txt"]


# --- Slurm ------------------------------------------------------------------------------------------------------------


def test_slurm_has_the_options_of_the_script():
    directives = re.findall(r"^#SBATCH (.*)", SLURM.read_text(encoding="utf-8"), re.MULTILINE)
    options = dict(re.fullmatch(r"--([\w-]+)(?:=(\S+))?", line).groups() for line in directives)
    assert set(options) <= set(SBATCH.split())
    assert re.fullmatch(r"USR1@\d+", options["signal"])  # to the tasks, not to the shell
    assert "requeue" in options


def test_shellcheck_has_nothing_to_say():
    beside = Path(sys.executable).parent
    checker = shutil.which("shellcheck", path=f"{beside}{os.pathsep}{os.environ['PATH']}")
    if not checker:
        pytest.skip("shellcheck is not installed")
    subprocess.run([checker, str(SLURM)], check=True)


STAND_IN = """#!/usr/bin/env bash
case $(basename "$0") in
  scontrol) [ "$1" = show ] && echo node1 || echo "$@" >>requeued ;;
  srun) shift 2; SLURM_PROCID=0 SLURM_LOCALID=0 "$@" ;;
  charrnn) echo "$RANK/$WORLD_SIZE $LOCAL_RANK/$LOCAL_WORLD_SIZE $MASTER_ADDR:$MASTER_PORT" >place; exit "$STATUS" ;;
esac
"""


@pytest.mark.parametrize(("status", "after"), [(0, 0), (REQUEUE, 0), (6, 6), (143, 143)])
def test_the_script_puts_a_job_in_the_queue_again_after_the_status_that_asks_for_it(
    tmp_path, status, after
):
    for name in ("scontrol", "srun", "charrnn"):
        (tmp_path / name).write_text(STAND_IN, encoding="utf-8")
        (tmp_path / name).chmod(0o755)
    env = {
        "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}",
        "STATUS": str(status),
        "SLURM_JOB_ID": "54321",
        "SLURM_JOB_NODELIST": "node[1-2]",
        "SLURM_NTASKS": "8",
        "SLURM_NTASKS_PER_NODE": "4",
        "SLURM_CPUS_PER_TASK": "2",
    }
    done = subprocess.run(["bash", str(SLURM)], cwd=tmp_path, env=env, check=False)
    assert done.returncode == after
    assert (tmp_path / "place").read_text() == "0/8 0/4 node1:34321\n"
    requeued = tmp_path / "requeued"
    assert requeued.exists() == (status == REQUEUE)
    if requeued.exists():
        assert requeued.read_text() == "requeue 54321\n"


# --- Kubernetes -------------------------------------------------------------------------------------------------------


def test_the_manifest_is_valid():
    validator = pytest.importorskip("kubernetes_validate")
    for manifest in yaml_of(KUBERNETES):
        validator.validate(manifest, "1.37", strict=True)


def test_the_manifest_retries_what_another_attempt_mends():
    claim, job = yaml_of(KUBERNETES)
    disrupted, saved, mistaken = job["spec"]["podFailurePolicy"]["rules"]
    assert disrupted["onPodConditions"] == [{"type": "DisruptionTarget"}]
    assert (saved["action"], saved["onExitCodes"]["values"]) == ("Ignore", [REQUEUE, 128 + 15])
    mistakes = (UsageError, DataError, CheckpointError, DivergedError)
    assert mistaken["action"] == "FailJob"
    assert mistaken["onExitCodes"]["values"] == [kind.exit_status for kind in mistakes]
    pod = job["spec"]["template"]["spec"]
    assert pod["restartPolicy"] == "Never"  # without which there is no policy
    assert {rule["onExitCodes"]["containerName"] for rule in (saved, mistaken)} == {
        pod["containers"][0]["name"]
    }
    assert pod["volumes"][0]["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]


# --- SkyPilot ---------------------------------------------------------------------------------------------------------


def test_the_task_recovers_after_the_statuses_of_a_run_that_is_saved():
    (task,) = yaml_of(SKYPILOT)
    assert task["resources"]["job_recovery"]["recover_on_exit_codes"] == [REQUEUE, 128 + 15]
    words = command_in(SKYPILOT)
    bucket = task["file_mounts"][words[words.index("--out") + 1]]
    assert bucket["mode"] == "MOUNT_CACHED"


def test_skypilot_reads_the_task(tmp_path, monkeypatch):
    """It is large, and no dependency of anything here; this was run with SkyPilot 0.14.1."""
    sky = pytest.importorskip("sky")
    monkeypatch.setenv("HOME", str(tmp_path))
    task = sky.Task.from_yaml(str(SKYPILOT))
    assert task.storage_mounts
