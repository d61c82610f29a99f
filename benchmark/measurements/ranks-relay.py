"""A network between namespaces, in user space: what one host sends reaches another after a delay, at a limited rate.

For kernels without netem. Each host has a TUN device; this program reads the packets of all and writes each to the one that
it is for, when it is due. Nothing is dropped, so that what is measured is delay and rate, not retransmission. The host
without a namespace, from which jobs are started, is reached at once.

  ranks-relay.py NETWORK DELAY RATE HOST... > READY

NETWORK is the first three numbers of the addresses, DELAY seconds one way, RATE bits a second (0: no limit); host i, from 1,
has the address NETWORK.i in the namespace of its name, and the outside NETWORK.254. Prints a line once all devices are there.
"""

import ctypes
import fcntl
import heapq
import os
import select
import struct
import subprocess
import sys
import time

CLONE_NEWNET = 0x40000000
TUNSETIFF = 0x400454CA
IFF_TUN_NO_PI = 0x1001
OUTSIDE = 254
# Large packets, since each costs this program some time.
MTU = 30_000

libc = ctypes.CDLL(None, use_errno=True)


def enter(path):
    with open(path) as namespace:
        if libc.setns(namespace.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), f"cannot enter {path}")


def device(name, address):
    """A TUN device of the namespace that this thread is in."""
    tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN_NO_PI))
    for command in (
        ["ip", "addr", "add", f"{address}/24", "dev", name],
        ["ip", "link", "set", name, "mtu", str(MTU), "up"],
    ):
        subprocess.run(command, check=True)
    return tun


def main():
    network, delay, rate, *hosts = sys.argv[1:]
    delay, rate = float(delay), float(rate)
    home = "/proc/self/ns/net"
    with open(home) as own:
        tuns = {OUTSIDE: device("slrelay", f"{network}.{OUTSIDE}")}
        for number, host in enumerate(hosts, 1):
            enter(f"/var/run/netns/{host}")
            tuns[number] = device("eth0", f"{network}.{number}")
        if libc.setns(own.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "cannot return to the first namespace")
    print("ready", flush=True)
    number_of = {tun: number for number, tun in tuns.items()}
    free = dict.fromkeys(tuns, 0.0)
    waiting = []
    count = 0
    while True:
        now = time.monotonic()
        while waiting and waiting[0][0] <= now:
            _, _, to, packet = heapq.heappop(waiting)
            try:
                os.write(tuns[to], packet)
            except OSError:
                pass  # The device is down, as it is when the namespace goes.
        timeout = max(0.0, waiting[0][0] - time.monotonic()) if waiting else None
        for tun in select.select(list(number_of), [], [], timeout)[0]:
            # Several at a time, but what is due must not wait for long.
            for _ in range(16):
                try:
                    packet = os.read(tun, MTU + 64)
                except BlockingIOError:
                    break
                if len(packet) < 20 or packet[0] >> 4 != 4 or packet[19] not in tuns:
                    continue
                sender, to = number_of[tun], packet[19]
                due = time.monotonic()
                if OUTSIDE not in (sender, to):
                    if rate > 0:
                        free[sender] = max(due, free[sender]) + 8 * len(packet) / rate
                        due = free[sender]
                    due += delay
                count += 1
                heapq.heappush(waiting, (due, count, to, packet))


main()
