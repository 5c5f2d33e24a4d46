"""Model files that would run code, or are damaged, are refused before anything loads them."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from convert.safety import check_model_file
from edge.errors import ConfigError, NoInputError

DENSE = {"module": "keras.layers", "class_name": "Dense", "config": {"name": "scores"}}
LAMBDA = {
    "module": "keras.layers",
    "class_name": "Lambda",
    "config": {"name": "sneaky", "function": {"class_name": "__lambda__", "config": {}}},
}


def keras_file(path: Path, *layers: dict[str, Any], **more: Any) -> Path:
    config = {
        "module": "keras.src.models.functional",
        "class_name": "Functional",
        "config": {"name": "model", "layers": list(layers)},
        **more,
    }
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", json.dumps(config))
        archive.writestr("metadata.json", b"\x00" * 1000)
    return path


def h5_file(path: Path, **attributes: str) -> Path:
    h5py = pytest.importorskip("h5py")
    with h5py.File(path, "w") as f:
        for name, value in attributes.items():
            f.attrs[name] = value
    return path


def refused(path: Path) -> str:
    with pytest.raises(ConfigError) as e:
        check_model_file(path)
    assert e.value.exit_code == 78
    assert str(path) in str(e.value)
    return str(e.value)


def test_keras_own_layers_pass(tmp_path: Path) -> None:
    check_model_file(keras_file(tmp_path / "m.keras", DENSE))


def test_a_lambda_layer_is_refused_by_name(tmp_path: Path) -> None:
    assert "'sneaky' is a Lambda" in refused(keras_file(tmp_path / "m.keras", DENSE, LAMBDA))


def test_a_lambda_deep_inside_another_layer_is_found(tmp_path: Path) -> None:
    wrapper = {
        "module": "keras.layers",
        "class_name": "TimeDistributed",
        "config": {"name": "outer", "layer": LAMBDA},
    }
    assert "'sneaky'" in refused(keras_file(tmp_path / "m.keras", wrapper))


@pytest.mark.parametrize("kind", ["TorchModuleWrapper", "JaxLayer", "TFSMLayer", "Custom>Lambda"])
def test_layers_that_hold_foreign_code_are_refused(tmp_path: Path, kind: str) -> None:
    layer = {"module": "keras.layers", "class_name": kind, "config": {"name": "odd"}}
    assert "'odd'" in refused(keras_file(tmp_path / "m.keras", layer))


@pytest.mark.parametrize(
    ("module", "kind"), [("os", "function"), ("builtins", "eval"), ("kerasy.layers", "Dense")]
)
def test_classes_from_elsewhere_are_refused(tmp_path: Path, module: str, kind: str) -> None:
    layer = {"module": module, "class_name": kind, "config": {"name": "odd"}}
    assert module in refused(keras_file(tmp_path / "m.keras", layer))


def test_how_it_was_compiled_does_not_matter_because_it_is_never_read(tmp_path: Path) -> None:
    custom = {"loss": {"module": "mine", "class_name": "function", "config": "my_loss"}}
    check_model_file(keras_file(tmp_path / "m.keras", DENSE, compile_config=custom))


def test_a_keras_file_cut_short(tmp_path: Path) -> None:
    path = keras_file(tmp_path / "m.keras", DENSE)
    path.write_bytes(path.read_bytes()[:-200])
    assert "cut short" in refused(path)


def test_a_keras_file_with_a_flipped_byte(tmp_path: Path) -> None:
    path = keras_file(tmp_path / "m.keras", DENSE)
    content = bytearray(path.read_bytes())
    content[content.index(b"\x00" * 900) + 10] ^= 1
    path.write_bytes(content)
    assert "checksum" in refused(path)


def test_a_zip_that_is_no_model(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "m.keras", "w") as archive:
        archive.writestr("holiday.txt", "sun")
    assert "no config.json" in refused(tmp_path / "m.keras")


def test_a_lambda_in_a_legacy_file(tmp_path: Path) -> None:
    model = {"class_name": "Model", "config": {"layers": [{"class_name": "Lambda", "name": "l1"}]}}
    path = h5_file(tmp_path / "m.h5", model_config=json.dumps(model))
    assert "'l1' is a Lambda" in refused(path)


def test_a_legacy_file_of_weights_only(tmp_path: Path) -> None:
    assert "weights only" in refused(h5_file(tmp_path / "m.hdf5"))


def test_a_legacy_file_that_is_none(tmp_path: Path) -> None:
    pytest.importorskip("h5py")
    (tmp_path / "m.hdf5").write_bytes(b"not HDF5 at all")
    assert "not a whole HDF5 file" in refused(tmp_path / "m.hdf5")


def test_a_file_of_another_kind(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(b"?")
    assert ".keras, .h5, .hdf5" in refused(tmp_path / "m.onnx")


def test_an_empty_folder_is_no_saved_model(tmp_path: Path) -> None:
    assert "saved_model.pb" in refused(tmp_path)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(NoInputError, match="no such file"):
        check_model_file(tmp_path / "gone.keras")


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("keras.utils", "get_file"),
        ("keras.src.utils.file_utils", "get_file"),
        ("keras.config", "enable_unsafe_deserialization"),
        ("keras.src.saving.serialization_lib", "enable_unsafe_deserialization"),
        ("keras", "get_file"),
        ("keras.activations", "get_file"),
        ("builtins", "eval"),
    ],
)
def test_functions_that_are_no_activations_are_refused(
    tmp_path: Path, module: str, name: str
) -> None:
    function = {"module": module, "class_name": "function", "config": name}
    layer = {**DENSE, "config": {"name": "odd", "activation": function}}
    assert "'odd'" in refused(keras_file(tmp_path / "m.keras", layer))


def test_an_activation_by_name_passes(tmp_path: Path) -> None:
    function = {"module": "builtins", "class_name": "function", "config": "relu"}
    layer = {**DENSE, "config": {"name": "fine", "activation": function}}
    check_model_file(keras_file(tmp_path / "m.keras", layer))


@pytest.mark.parametrize("kind", ["StringLookup", "IntegerLookup", "TextVectorization"])
def test_layers_that_read_a_vocabulary_are_refused(tmp_path: Path, kind: str) -> None:
    layer = {"module": "keras.layers", "class_name": kind,
             "config": {"name": "words", "vocabulary": "/etc/passwd"}}  # fmt: skip
    assert "reads a vocabulary" in refused(keras_file(tmp_path / "m.keras", layer))


def test_a_small_archive_of_a_large_file_is_refused_unread(tmp_path: Path) -> None:
    path = keras_file(tmp_path / "m.keras", DENSE)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", bytes(40_000_000))
    assert path.stat().st_size < 100_000
    assert "that unpack to 40" in refused(path)


def test_an_archive_of_very_many_files_is_refused(tmp_path: Path) -> None:
    path = keras_file(tmp_path / "m.keras", DENSE)
    with zipfile.ZipFile(path, "a") as archive:
        for i in range(1001):
            archive.writestr(f"f{i}", b"")
    assert "files in it" in refused(path)


@pytest.mark.parametrize("what", ["integer", "empty", "list"])
def test_a_configuration_that_is_no_text(tmp_path: Path, what: str) -> None:
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "m.h5", "w") as f:
        f.attrs["model_config"] = {"integer": 7, "empty": h5py.Empty("f"), "list": [1, 2]}[what]
    assert "model_config" in refused(tmp_path / "m.h5")


@pytest.mark.parametrize("inside", [True, False], ids=["keras", "h5"])
@pytest.mark.parametrize("how", ["external storage", "external link", "virtual"])
def test_weights_kept_in_another_file_are_refused(tmp_path: Path, how: str, inside: bool) -> None:
    h5py = pytest.importorskip("h5py")
    h5 = tmp_path / "w.h5"
    with h5py.File(h5, "w") as f:
        f.attrs["model_config"] = "{}"
        group = f.create_group("layers/dense/vars")
        if how == "external storage":
            group.create_dataset("0", (8,), "u1", external=[("/etc/passwd", 0, 8)])
        elif how == "external link":
            group["0"] = h5py.ExternalLink("/etc/passwd", "/")
        else:
            layout = h5py.VirtualLayout(shape=(8,), dtype="u1")
            layout[:] = h5py.VirtualSource("/other.h5", "x", shape=(8,))
            group.create_virtual_dataset("0", layout)
    path = h5
    if inside:
        path = keras_file(tmp_path / "m.keras", DENSE)
        with zipfile.ZipFile(path, "a") as archive:
            archive.write(h5, "model.weights.h5")
    words = refused(path)
    assert "/layers/dense/vars/0" in words and "another file: refused" in words


def test_links_that_go_round_in_circles_end(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "m.h5", "w") as f:
        f.attrs["model_config"] = "{}"
        f.create_group("a")["back"] = f["/"]
    check_model_file(tmp_path / "m.h5")
