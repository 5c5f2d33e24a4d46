"""What `train` does where it is told nothing: every option's value, and those of named recipes."""

from __future__ import annotations

from typing import Any

from convert.train.recipe import USUAL
from convert.train.unused import TEACHER_WEIGHT

# The usual value of every option that has one.
DEFAULTS: dict[str, Any] = {
    "arch": USUAL.arch, "votes": None, "expected": USUAL.expected, "smoothing": USUAL.smoothing,
    "balance": USUAL.balance, "teacher": [], "teacher_weight": TEACHER_WEIGHT, "unlabelled": [],
    "from": None, "weights": None, "freeze": False, "seed": USUAL.seed,
    "epochs": USUAL.epochs, "batch": USUAL.batch,
    "optimizer": USUAL.optimizer, "rate": USUAL.rate, "schedule": USUAL.schedule,
    "warmup": None, "weight_decay": None, "averaging": USUAL.averaging,
    "augment": 1.0, "changes": "all", "holdout": USUAL.holdout, "limit": None, "size": "48x48",
    "precision": USUAL.precision, "backend": None, "test": False,
    "tensorboard": False,
}  # fmt: skip

# The classic projects' own settings, so that their figures can be had again.
RECIPES: dict[str, dict[str, Any]] = {
    # The four-convolution network of many FER2013 tutorials of about 2018.
    "plain_cnn_2018": {
        "arch": "plain_cnn", "optimizer": "adam", "rate": 1e-4, "schedule": "constant",
        "warmup": 0.0, "epochs": 65, "batch": 64, "averaging": 0.0, "augment": 0.0, "votes": 0.0,
    },
    # oarriaga/face_classification, train_emotion_classifier.py: Adam, batches of 32, 64x64, a tenth
    # of the rate where the loss stays; faces mirrored, turned by 10 degrees, moved and scaled by a
    # tenth (ours: 12 degrees, 8 and 12 %). Its published weights are of epoch 102.
    "mini_xception_2017": {
        "arch": "mini_xception", "size": "64x64", "optimizer": "adam", "rate": 1e-3,
        "schedule": "plateau", "warmup": 0.0, "epochs": 102, "batch": 32, "averaging": 0.0,
        "augment": 1.0, "changes": "moves", "votes": 0.0, "holdout": 0.2,
    },
    # A backbone from ImageNet with a new head, trained as a whole at a small rate.
    "transfer_2019": {
        "arch": "vgg16", "optimizer": "adam", "rate": 1e-4, "schedule": "cosine", "warmup": 0.0,
        "epochs": 30, "batch": 64, "averaging": 0.0, "votes": 0.0,
    },
}  # fmt: skip
