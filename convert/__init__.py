"""The workshop: trains, evaluates and quantises the models that `edge` runs."""
