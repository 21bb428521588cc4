"""Sends the incoming frames of a capture (SLL2, see captureFile.ts) into a router's interfaces, as fast as it can.

send.py CAPTURE SECONDS INDEX=DEVICE=ROUTER_MAC...  prints `frames seconds`, from the first frame to the last.
"""

import mmap
import socket
import struct
import sys
import time

path, seconds, *devices = sys.argv[1:]
ends = {}
for device in devices:
    index, name, mac = device.split("=")
    end = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    end.bind((name, 0))
    ends[int(index)] = (end.send, bytes.fromhex(mac.replace(":", "")))

frames = []
with open(path, "rb") as file:
    data = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
    at = 24
    while at < len(data) and len(frames) < 1_000_000:
        (length,) = struct.unpack_from("<I", data, at + 8)
        cooked = at + 16
        if data[cooked + 10] == 0:
            (index,) = struct.unpack_from(">I", data, cooked + 4)
            send, mac = ends[index]
            head = mac + data[cooked + 12 : cooked + 18] + data[cooked : cooked + 2]
            frames.append((send, head + data[cooked + 20 : cooked + length]))
        at = cooked + length

sent = 0
start = time.perf_counter()
end = start + float(seconds)
for send, frame in frames:
    send(frame)
    sent += 1
    if sent & 1023 == 0 and time.perf_counter() > end:
        break
print(sent, time.perf_counter() - start)
