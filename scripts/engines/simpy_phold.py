"""PHOLD on SimPy: prints events per second of wall time, after one event per node of warm-up.

Written with bare callbacks, which is several times faster than a process and a store per node.

usage: simpy_phold.py NODES EVENTS
"""

import random
import sys
import time

import simpy


class Node:
    """Hashes what it is told, and tells another node."""

    __slots__ = ("hash", "handled")

    def __init__(self):
        self.hash = 0
        self.handled = 0


def main(count, events):
    environment = simpy.Environment()
    draws = random.Random(1)
    nodes = [Node() for _ in range(count)]
    mask = (1 << 64) - 1

    def send(target, value):
        delay = 0.1 + draws.expovariate(1 / 0.9)
        event = environment.timeout(delay, (target, value))
        event.callbacks.append(receive)

    def receive(event):
        target, value = event.value
        node = nodes[target]
        node.handled += 1
        node.hash = ((node.hash ^ value) * 0x517CC1B727220A95) & mask
        send(int(draws.random() * count), node.hash >> 32)

    for index in range(count):
        send(index, index)
    for _ in range(count):
        environment.step()
    start = time.perf_counter()
    for _ in range(events):
        environment.step()
    print(events / (time.perf_counter() - start))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
