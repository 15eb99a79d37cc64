#!/usr/bin/env bash
# The thesis's experiments with Silma, for comparison with keras_experiments.py:
#     silma_experiments.sh SILMA DATA_DIR OUT EXPERIMENT SEED
# trains EXPERIMENT (fashion-ann, fashion-cnn, cifar-ann, cifar-cnn) to its early stopping into OUT/EXPERIMENT-seedN.
# split.json of that folder is what keras_experiments.py takes as --split.
set -euo pipefail
silma=$1 data=$2 out=$3 experiment=$4 seed=$5
case $experiment in
    fashion-*) set=fashion-mnist ;;
    cifar-*) set=cifar-10 ;;
    *) printf 'unknown experiment "%s"\n' "$experiment" >&2; exit 2 ;;
esac
folder=$out/$experiment-seed$seed
if [[ -f $folder/last.safetensors ]]; then
    exec "$silma" train --resume "$folder"
fi
exec "$silma" train "${experiment#*-}" --data "$set" --data-dir "$data" --seed "$seed" --out "$folder"
