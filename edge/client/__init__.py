"""A typed subscriber: events of every device on a broker, and what each device is like now.

    from edge.client import Client

    with Client("broker.local") as client:
        for event in client.events():
            print(event.source, event.data.emotion)

It needs nothing of the devices but the contract (docs/subscribers.md). Of the package it uses
paho-mqtt and msgspec: no camera and no model is loaded.
"""

import logging

from edge.client.client import Client
from edge.client.device import Device, device_of
from edge.client.inventory import Message

__all__ = ["Client", "Device", "Message", "device_of"]

# A library's logger is silent unless the program that uses it configures logging.
logging.getLogger(__name__).addHandler(logging.NullHandler())
