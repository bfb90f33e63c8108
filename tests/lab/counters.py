#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""counters.py TOP BENCH - what devices counted, held against what is promised.

TOP is "vhsmctl top --once --json", BENCH "vhsm bench --json" at depth 32.
Promised: not one grant operation after a device has connected, and at most a
tenth of a notification per request at that depth.
"""
import json
import sys

NOTIFICATIONS_MAX = 0.1


def main(top, bench):
    with open(top) as f:
        devices = json.load(f)["devices"]
    with open(bench) as f:
        runs = json.load(f)
    failed = not devices or not runs
    for d in devices:
        print(
            f"{d['domain']}: {d['requests']} requests, {d['refusals']} "
            f"refused; {d['grant_maps']} grants mapped when it connected, "
            f"{d['grant_maps_after_connect']} since; "
            f"{d['notifications']} notifications"
        )
        failed |= d["grant_maps_after_connect"] != 0
    for r in runs:
        per_request = r["notifications_per_request"]
        print(
            f"{r['op']} at depth {r['depth']}: {per_request:.3f} "
            f"notifications per request, {r['errors']} errors"
        )
        failed |= r["depth"] != 32 or r["errors"] != 0
        failed |= per_request > NOTIFICATIONS_MAX
    sys.exit("a promise is broken" if failed else 0)


main(*sys.argv[1:])
