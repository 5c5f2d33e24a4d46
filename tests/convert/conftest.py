"""TensorFlow in tests as the commands have it."""

import os

# `convert.cli` says why; tests import TensorFlow before it does.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
