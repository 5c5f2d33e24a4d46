"""A real Home Assistant, without its web page: prints its entities, takes service calls.

Run by Home Assistant's own interpreter: `python observe.py CONFIG_FOLDER BROKER_PORT`. Each line of
output is {entity_id: {"state": ..., "attributes": ...}}, whenever something changed. Each line of
input is `domain.service entity_id`.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from homeassistant import bootstrap
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.runner import RuntimeConfig

DOMAINS = ("sensor", "binary_sensor", "event", "switch")


async def main(folder: Path, port: int) -> None:
    (folder / "configuration.yaml").write_text("http:\n  server_host: 127.0.0.1\n")
    hass = await bootstrap.async_setup_hass(
        RuntimeConfig(config_dir=str(folder), skip_pip=True, safe_mode=False)
    )
    assert hass is not None, "Home Assistant does not start"
    await add_broker(hass, port)
    await hass.async_start()
    commands: asyncio.Queue[str] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    loop.add_reader(sys.stdin, lambda: commands.put_nowait(sys.stdin.readline()))
    shown = ""
    while True:
        states = {
            s.entity_id: {"state": s.state, "attributes": dict(s.attributes)}
            for s in hass.states.async_all(DOMAINS)
        }
        line = json.dumps(states, default=str, sort_keys=True)
        if line != shown:
            print(line, flush=True)
            shown = line
        try:
            command = await asyncio.wait_for(commands.get(), 0.2)
        except TimeoutError:
            continue
        if not command.strip():
            break
        service, entity = command.split()
        domain, _, name = service.partition(".")
        await hass.services.async_call(domain, name, {"entity_id": entity}, blocking=True)
    await hass.async_stop(force=True)


async def add_broker(hass: HomeAssistant, port: int) -> None:
    """Add the MQTT integration as its dialogue would."""
    flow = await hass.config_entries.flow.async_init("mqtt", context={"source": "user"})
    done = await hass.config_entries.flow.async_configure(
        flow["flow_id"], {"broker": "127.0.0.1", "port": port}
    )
    assert isinstance(done.get("result"), ConfigEntry), done


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
