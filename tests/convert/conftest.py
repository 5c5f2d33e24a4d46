"""TensorFlow in tests as the commands have it."""

import os

# With oneDNN, TensorFlow 2.21 writes beside its memory on AVX-512 in gradients of small
# convolutions, and its maps differ from those of other runtimes. See `convert.cli`.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
