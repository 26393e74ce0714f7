#!/usr/bin/env python3
"""A toy stack that answers ping, as a DUT: netassay diff --b exec:conformance/examples/toy_stack.py CAPTURE

The protocol is described in src/dut/exec/PROTOCOL.md.
"""
import json
import socket

HEADER = 16
own = b"\0\0\0\0"


def respond(request):
    """Answers a request, but for those that are frames."""
    global own
    if "hello" in request:
        return {"protocol": 1, "name": "toy", "version": "1", "dimensions": ["frames"]}
    if "advance" in request:
        return {}  # Time that passes changes nothing here.
    if "open" not in request:
        return {"unsupported": "a toy"}
    scenario = request["open"]
    interface = scenario["interface"][0]
    if scenario["role"] != "host" or interface["link"] != "ip":
        return {"unsupported": "a toy is a host on a link without Ethernet"}
    if interface.get("addresses"):
        own = socket.inet_aton(interface["addresses"][0].split("/")[0])
    return {}


def echo_reply(datagram):
    """The answer to an echo request to us; None if it is something else."""
    if len(datagram) < 28 or (datagram[0], datagram[9], datagram[20]) != (0x45, 1, 8) or datagram[16:20] != own:
        return None
    # The type was 8 and is 0, so the sum of the message, which is kept inverted, goes up by 8 * 256. RFC 1624.
    total = int.from_bytes(datagram[22:24], "big") + 0x800
    checksum = (total % 0x10000 + total // 0x10000).to_bytes(2, "big")
    addresses = datagram[16:20] + datagram[12:16]
    return datagram[:12] + addresses + b"\0" + datagram[21:22] + checksum + datagram[24:]


with socket.socket(fileno=0) as harness:
    while request := harness.recv(1 << 18):
        if request[0] != 0:
            answer = respond(json.loads(request))
        else:
            answer, reply = {}, echo_reply(request[HEADER:])
            if reply:
                harness.send(request[:HEADER] + reply)
        harness.send(json.dumps(answer).encode())
