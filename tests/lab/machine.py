#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""machine.py - what is asked of a lab's emulator by its control socket.

  machine.py save STATE     write the machine's devices to STATE/devices and end
                            it; its memory is the file it was started with
  machine.py load STATE     the machine, which waits, goes on from STATE/devices
  machine.py listening PATH exits 0 when somebody serves that socket

Runs in the lab's directory.  The memory is no part of the stream: the file is
mapped, at the end copy on write, so that a resumed machine reads of it only what
it uses.  QEMU calls that x-ignore-shared.
"""
import json
import re
import socket
import sys
import time


class Machine:
    """A connection to QEMU's control socket (the QEMU Machine Protocol)."""

    def __init__(self, path="qmp"):
        self.socket = socket.socket(socket.AF_UNIX)
        while True:
            try:
                self.socket.connect(path)
                break
            except (FileNotFoundError, ConnectionRefusedError):
                time.sleep(0.02)
        self.file = self.socket.makefile("rw")
        self.file.readline()
        self.ask("qmp_capabilities")

    def ask(self, command, **arguments):
        self.file.write(json.dumps({"execute": command,
                                    "arguments": arguments}) + "\n")
        self.file.flush()
        for line in self.file:
            answer = json.loads(line)
            if "return" in answer:
                return answer["return"]
            if "error" in answer:
                sys.exit(f"machine.py: {command}: {answer['error']['desc']}")
        sys.exit(f"machine.py: {command}: the emulator ended")

    def within_xen(self):
        """Whether the processor is in the hypervisor itself: a state that is
        saved while it is in a guest cannot be loaded."""
        said = self.ask("human-monitor-command",
                        **{"command-line": "info registers"})
        return re.search(r"RIP=(ffff82d[0-9a-f]*)", said) is not None

    def stop_within_xen(self):
        while True:
            self.ask("stop")
            if self.within_xen():
                return
            self.ask("cont")
            time.sleep(0.05)

    def transfer(self, command, uri):
        self.ask("migrate-set-capabilities", capabilities=[
            {"capability": "x-ignore-shared", "state": True}])
        self.ask(command, uri=uri)
        while True:
            now = self.ask("query-migrate")
            if now.get("status") == "completed":
                return
            if now.get("status") in ("failed", "cancelled"):
                sys.exit(f"machine.py: {command}: "
                         f"{now.get('error-desc', 'failed')}")
            time.sleep(0.01)


def save(state):
    machine = Machine()
    machine.stop_within_xen()
    machine.transfer("migrate", f"exec:cat > '{state}/devices'")
    machine.ask("quit")


def load(state):
    machine = Machine()
    machine.transfer("migrate-incoming", f"exec:cat '{state}/devices'")
    machine.ask("cont")


def listening(path):
    try:
        socket.socket(socket.AF_UNIX).connect(path)
    except OSError:
        sys.exit(1)


def main(verb, path):
    {"save": save, "load": load, "listening": listening}[verb](path)


main(*sys.argv[1:])
