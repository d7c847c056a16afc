#!/usr/bin/env bash
#SBATCH --job-name=plays
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=8
#SBATCH --gpus-per-node=1
#SBATCH --mem=32G
#SBATCH --time=04:00:00
#SBATCH --signal=USR1@120
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=%x-%j.log
# Trains one network in as many pieces as it takes: sbatch slurm.sh
# For several processes raise --nodes, --ntasks-per-node and --gpus-per-node; nothing else changes.
set -uo pipefail

MASTER_ADDR=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
MASTER_PORT=$((20000 + SLURM_JOB_ID % 20000))
export MASTER_ADDR MASTER_PORT SRUN_CPUS_PER_TASK=$SLURM_CPUS_PER_TASK

# A process for each task, with its place among them; the status of srun is the highest of theirs. They end together:
# one that waits for another that is gone is ended after 10 seconds.
# shellcheck disable=SC2016 # each task expands its own variables
srun --kill-on-bad-exit=0 --wait=10 bash -c '
  export RANK=$SLURM_PROCID WORLD_SIZE=$SLURM_NTASKS
  export LOCAL_RANK=$SLURM_LOCALID LOCAL_WORLD_SIZE=$SLURM_NTASKS_PER_NODE
  exec charrnn train plays.txt --name plays --resume --minutes 1200 --save-every 10
'
status=$?

# 75: Slurm has warned of the time limit, the run is saved, and the same line goes on with it.
if [ "$status" -eq 75 ]; then
  scontrol requeue "$SLURM_JOB_ID"
  exit 0
fi
exit "$status"
