from pathlib import Path

import msgspec
import pytest

from edge.config import Camera, Config
from edge.config_emotion import Alert
from edge.config_publish import Mqtt
from edge.configfile import effective, load
from edge.errors import ConfigError


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "config.toml"
    path.write_text(text)
    return path


def mistakes(path: Path | None, *sets: str, env: dict[str, str] | None = None) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(path, env or {}, sets)
    assert caught.value.exit_code == 78
    return str(caught.value).splitlines()


def test_without_a_file_the_defaults_hold() -> None:
    assert load(None) == Config()


def test_five_mistakes_are_all_reported_each_with_what_is_allowed(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        """
        [mqtt]
        port = 99999
        base = "a/+/b"
        [camera]
        rotate = 45
        speed = 3
        [smooth]
        window_s = "long"
        [weather]
        sun = true
        """,
    )
    lines = mistakes(path)
    assert "mqtt.port: got 99999; allowed: 1 to 65535" in lines
    assert "camera.rotate: got 45; allowed: 0, 90, 180, 270" in lines
    assert "smooth.window_s: got 'long'; allowed: more than 0, up to 60" in lines
    assert any(m.startswith("mqtt.base: got 'a/+/b'; allowed: 1 to 128 characters") for m in lines)
    assert any(m.startswith("camera.speed: unknown key; allowed: source, width") for m in lines)
    assert any(m.startswith("weather: unknown section; allowed: device, camera") for m in lines)
    assert len(lines) == 6


TWO = """
[[alert]]
name = "angry"
emotions = ["angry"]
[[alert]]
name = "gloom"
emotions = ["sad", "fear"]
level = 0.7
enabled = false
"""


def test_one_alert_or_several(tmp_path: Path) -> None:
    (one,) = load(write(tmp_path, "[alert]\nlevel = 0.6")).alerts()
    assert (one.name, one.enabled, one.level) == ("", False, 0.6)
    (one,) = load(None, {"EMOTION_EDGE_ALERT_LEVEL": "0.4"}, ["alert.enabled=true"]).alerts()
    assert (one.enabled, one.level) == (True, 0.4)
    several = load(write(tmp_path, TWO)).alerts()
    assert [(a.name, a.enabled, a.level) for a in several] == [
        ("angry", True, 0.5),  # who writes [[alert]] wants it
        ("gloom", False, 0.7),
    ]
    assert load(write(tmp_path, "alert = []")).alerts() == []
    assert effective(load(None))["alert"] == {**msgspec.to_builtins(Alert())}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[alert]]\nlevel = 2", "alert[0].level: got 2; allowed: 0 to 1"),
        ("[[alert]]\n[[alert]]\nname = 'b'", "alert[0].name: got ''; allowed: a name of its own"),
        (TWO.replace("gloom", "angry"), "alert[1].name: got 'angry'; allowed: a name of its own"),
        ("[[alert]]\nname = 'A b'", "alert[0].name: got 'A b'; allowed: a to z, 0 to 9 and _"),
        ("[[alert]]\nmoderate = 0.9", "alert[0].moderate: got 0.9; allowed: 0 to alert[0].more"),
        ("alert = 3", "alert: got 3; allowed: a table, [alert]"),
        ("[[alert]]\n" * 17, "alert: got 17 tables; allowed: at most 16"),
    ],
)
def test_wrong_alerts_are_named_by_their_place(tmp_path: Path, text: str, said: str) -> None:
    (line,) = mistakes(write(tmp_path, text))
    assert line.startswith(said)


def test_a_key_of_several_alerts_is_not_set_from_outside(tmp_path: Path) -> None:
    (line,) = mistakes(write(tmp_path, TWO), "alert.level=0.9")
    assert line == "alert.level: got '0.9'; allowed: in the file, where [[alert]] are several"


@pytest.mark.parametrize("name", ["kiosk/1", "kiosk#1", "a+b", "a b", "x" * 65])
def test_a_device_name_that_no_topic_could_hold_is_refused(tmp_path: Path, name: str) -> None:
    (line,) = mistakes(write(tmp_path, f'[device]\nname = "{name}"\n'))
    assert line.startswith(f"device.name: got {name!r}; allowed: at most 64 characters, without")


def test_the_environment_overrides_the_file_and_set_overrides_both(tmp_path: Path) -> None:
    path = write(tmp_path, "[mqtt]\nport = 1\nhost = 'file'\nkeepalive_s = 10\n")
    env = {"EMOTION_EDGE_MQTT_PORT": "2", "EMOTION_EDGE_MQTT_HOST": "env", "PATH": "/bin"}
    c = load(path, env, ["mqtt.port=3", "camera.loop=true", "smooth.window_s=2"])
    assert (c.mqtt.port, c.mqtt.host, c.mqtt.keepalive_s) == (3, "env", 10)
    assert (c.camera.loop, c.smooth.window_s) == (True, 2.0)


def test_text_from_outside_is_read_by_what_the_key_wants() -> None:
    c = load(None, {}, ["camera.source=0", "mqtt.version=5", 'camera.command=["cat", "x"]'])
    assert (c.camera.source, c.mqtt.version, c.camera.command) == ("0", "5", ["cat", "x"])


def test_other_variables_of_ours_are_not_keys() -> None:
    assert load(None, {"EMOTION_EDGE_CONFIG": "x", "EMOTION_EDGE_DATA": "/d"}) == Config()


@pytest.mark.parametrize(
    ("item", "says"),
    [
        ("mqtt.port", "--set mqtt.port: got no '='"),
        ("port=1", "port: got '1'; allowed: section.key, such as mqtt.port"),
        ("mqtt.prot=1", "mqtt.prot: unknown key"),
        ("mqtt.port=x", "mqtt.port: got 'x'; allowed: 1 to 65535"),
        ("camera.source=", "camera.source: got ''; allowed: a path, an index, an address"),
        ("camera.loop=maybe", "camera.loop: got 'maybe'; allowed: true or false"),
        ("smooth.enter=nan", "smooth.enter: got nan"),
        (f"detect.rate={'1' * 5000}", "detect.rate: got '111"),
        (f"detect.rate={'[' * 5000}", "detect.rate: got '[[["),
        (f"mqtt.port=0x{'f' * 5000}", "mqtt.port: got '0xfff"),
        (f"detect.rate={{a{'.a' * 3000} = 1}}", "detect.rate: got '{a.a"),
    ],
)
def test_a_wrong_setting_is_named(item: str, says: str) -> None:
    (line,) = mistakes(None, item)
    assert line.startswith(says)


def test_a_wrong_variable_is_named_by_its_key() -> None:
    (line,) = mistakes(None, env={"EMOTION_EDGE_MQTT_PORT": "0"})
    assert line == "mqtt.port: got 0; allowed: 1 to 65535"


def test_an_address_of_version_6_is_a_host() -> None:
    assert load(None, {}, ["mqtt.host=::1"]).mqtt.host == "::1"


@pytest.mark.parametrize(
    "name",
    ["EMOTION_EDGE_CAMRA_SOURCE", "EMOTION_EDGE_MQTT", "EMOTION_EDGE_camera", "EMOTION_EDGE_"],
)
def test_a_variable_that_is_no_key_is_named(name: str) -> None:
    (line,) = mistakes(None, env={name: "x"})
    assert line.startswith(f"{name}: unknown variable; allowed: EMOTION_EDGE_<SECTION>_<KEY>")


def test_a_number_in_quotes_is_said_to_need_none(tmp_path: Path) -> None:
    path = write(tmp_path, "[mqtt]\nport = '8883'\ntls = 'true'\n[smooth]\nenter = 'x'\n")
    assert mistakes(path) == [
        "mqtt.port: got '8883'; allowed: 1 to 65535, without quotes",
        "mqtt.tls: got 'true'; allowed: true or false, without quotes",
        "smooth.enter: got 'x'; allowed: 0 to 1",
    ]


def test_a_byte_order_mark_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("\ufeff[mqtt]\nport = 8883\n")
    assert load(path).mqtt.port == 8883


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[mqtt\n", "not valid TOML"),
        ("mqtt = 3\n", "mqtt: got 3; allowed: a table, [mqtt]"),
        ("[attribute]\nname = 'x'\n", "attribute: got a table; allowed: [[attribute]]"),
        ("[[attribute]]\nname = 'x'\n", "attribute[0].model: missing"),
        ("\xff", "not valid TOML"),
        (f"[detect]\nrate = {'1' * 5000}\n", "not valid TOML"),
        (f"profile = 0x{'f' * 5000}\n", "an integer beyond 64 bits"),
        (f"[camera]\nsource{'.a' * 3000} = 1\n", "nested deeper than 50 levels"),
        (f"[detect]\nrate = {'[' * 5000}\n", "nested too deep"),
    ],
)
def test_a_file_that_is_not_ours_is_named(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(text.encode("latin-1"))
    assert any(says in line for line in mistakes(path))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    (line,) = mistakes(tmp_path / "none.toml")
    assert line.endswith("none.toml: No such file or directory")


@pytest.mark.parametrize(
    ("sets", "says"),
    [
        (["smooth.enter=0.2", "smooth.leave=0.3"], "smooth.leave: got 0.3; allowed: 0 to smooth"),
        (["camera.stride=100"], "camera.stride: got 100; allowed: 0, or camera.width (640)"),
        (["mqtt.cert_file=c"], "mqtt.cert_file: allowed: together with mqtt.key_file"),
        (["mqtt.ca_file=c"], "mqtt.tls: got False; allowed: true, where"),
        (["mqtt.host=mqtt://b"], "mqtt.host: got 'mqtt://b'; allowed: a name or an address alone"),
        (
            ["mqtt.host=b:1883"],
            "mqtt.host: got 'b:1883'; allowed: a name or an address alone; the p",
        ),
        (
            ["mqtt.host=[::1]"],
            "mqtt.host: got '[::1]'; allowed: a name or an address alone; an IPv",
        ),
        (["mqtt.host=b/c"], "mqtt.host: got 'b/c'; allowed: a name or an address alone; without"),
        (["alert.moderate=0.9"], "alert.moderate: got 0.9; allowed: 0 to alert.more (0.8)"),
    ],
)
def test_keys_that_contradict_each_other_are_named(sets: list[str], says: str) -> None:
    assert any(line.startswith(says) for line in mistakes(None, *sets))


def test_two_attributes_of_one_name_are_refused(tmp_path: Path) -> None:
    text = "[[attribute]]\nname='g'\nmodel='a'\n[[attribute]]\nname='g'\nmodel='b'\n"
    (line,) = mistakes(write(tmp_path, text))
    assert line == "attribute.name: got g, g; allowed: each name once"


ADDRESS = "rtsp://user:sEcret1@cam/live"
COMMAND = ["/usr/bin/gst-launch-1.0", "rtspsrc", "user-pw=sEcret1", "-i", "http://u:sEcret1@cam/"]


def test_what_is_published_of_the_configuration_has_no_password() -> None:
    c = Config(camera=Camera(source=ADDRESS, command=COMMAND), mqtt=Mqtt(username="u"))
    plain = effective(c)
    assert "sEcret1" not in repr(plain)
    assert plain["camera"]["source"] == "rtsp://***@cam/live"
    assert plain["camera"]["command"] == ["gst-launch-1.0"]


@pytest.mark.parametrize("key", ["source", "command"])
def test_a_password_in_a_file_that_others_can_read_is_refused(tmp_path: Path, key: str) -> None:
    value = repr(ADDRESS) if key == "source" else repr(COMMAND)
    path = write(tmp_path, f"[camera]\n{key} = {value}\n")
    path.chmod(0o644)
    (line,) = mistakes(path)
    assert line.startswith(f"camera.{key}: got a password or token in {path}, which every user")
    assert f"chmod o-rwx {path}" in line
    assert f"EMOTION_EDGE_CAMERA_{key.upper()} in /etc/emotion-edge/environment" in line
    assert "sEcret1" not in line
    path.chmod(0o640)
    assert load(path).camera == Camera(
        **({"source": ADDRESS} if key == "source" else {"command": COMMAND})
    )


def test_a_password_on_the_command_line_is_refused() -> None:
    (line,) = mistakes(None, f"camera.source={ADDRESS}")
    assert line.startswith("--set camera.source: got a password or token, which the process list")
    assert "EMOTION_EDGE_CAMERA_SOURCE in the environment" in line
    assert "sEcret1" not in line


def test_a_mistake_beside_a_password_does_not_show_it() -> None:
    for value in (f"{COMMAND!r}"[:-1], f"[{COMMAND!r}]"):
        (line,) = mistakes(None, env={"EMOTION_EDGE_CAMERA_COMMAND": value})
        assert line.startswith("camera.command: got")
        assert "sEcret1" not in line


SHARES = {"happy": 0.25, "neutral": 0.75}


def test_a_prior_is_a_word_or_a_share_by_emotion_wherever_it_is_written(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text("[classify.prior]\nhappy = 0.25\nneutral = 0.75\n")
    line = "classify.prior={happy = 0.25, neutral = 0.75}"
    assert load(file).classify.prior == SHARES
    assert load(None, {}, [line]).classify.prior == SHARES
    environment = {"EMOTION_EDGE_CLASSIFY_PRIOR": line.partition("=")[2]}
    assert load(None, environment) == load(file)
    assert load(None, {}, ["classify.prior=raters"]).classify.prior == "raters"


@pytest.mark.parametrize("given", ["even", "{happy = 2.0}", "{happy = 'much'}", "3"])
def test_what_is_no_prior_is_refused(given: str) -> None:
    with pytest.raises(ConfigError, match=r"classify\.prior: got .*; allowed: raters, equal, or"):
        load(None, {}, [f"classify.prior={given}"])


def test_a_name_that_breaks_a_line_is_no_emotion() -> None:
    with pytest.raises(ConfigError, match=r"classify\.prior: got .*; allowed: UTF-8 without NUL"):
        load(None, {}, ['classify.prior={"a\\u0000" = 1.0}'])


@pytest.mark.parametrize(
    "password", ["pa'ss\"word", "Zq word", "Zq\\\\back", "Zq<x>", "Zq\u20ac", "Zq:a::b"]
)
@pytest.mark.parametrize(
    "text",
    [
        'camera = {{source = ["rtsp://u:{0}@h/x"]}}',
        'camera = "rtsp://u:{0}@h/x"',
        'mqtt = {{host = "u:{0}@h"}}',
        'mqtt = {{host = "mqtt://u:{0}@h"}}',
        'camera = {{source = "rtsp://u:{0}@h/x", fps = "x"}}',
    ],
)
def test_no_mistake_shows_a_password(tmp_path: Path, text: str, password: str) -> None:
    path = tmp_path / "config.toml"
    path.write_text(text.format(password.replace("\\", "\\\\").replace('"', '\\"')))
    path.chmod(0o600)
    with pytest.raises(ConfigError) as mistake:
        load(path)
    for shown in (password, password[2:], password[:4], repr(password)[1:-1]):
        assert shown not in str(mistake.value)
