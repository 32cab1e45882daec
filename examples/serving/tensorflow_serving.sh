#!/usr/bin/env bash
# Serves the same SavedModel by TensorFlow Serving, which answers the same
# requests. It has neither picture files, nor users' weights, nor the page.
set -euo pipefail

maml-tf export --workdir=omniglot_5way_1shot --batch_norm=inductive \
    --output=results/omniglot/1
exec docker run --rm -p 127.0.0.1:8501:8501 \
    -v "$PWD/results/omniglot:/models/omniglot:ro" \
    -e MODEL_NAME=omniglot tensorflow/serving
