"""The workshop: trains, judges and quantises the models that `edge` runs."""
