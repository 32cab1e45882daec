#!/bin/sh
# Meta-trains on several nodes of a Slurm cluster:
#
#     sbatch slurm.sh
#
# Each task is a worker of one training. maml-tf reads Slurm's own variables
# (--strategy=auto), so TF_CONFIG is not needed. Slurm gives each task its GPUs.
# A job that is preempted gets SIGTERM, saves, and goes on when it is queued
# again.
#SBATCH --job-name=maml-tf
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=8
#SBATCH --gpus-per-task=1
#SBATCH --time=04:00:00
#SBATCH --requeue
#SBATCH --signal=TERM@120

# A folder that all nodes see.
SHARED=${SHARED:-$HOME/maml-tf}

srun --kill-on-bad-exit=1 maml-tf train \
    --experiment=omniglot_5way_1shot \
    --data_dir="$SHARED/tensorflow_datasets" \
    --workdir="$SHARED/results/omniglot_5way_1shot" \
    --worker_timeout=600
