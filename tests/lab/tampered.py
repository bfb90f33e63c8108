#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""How long it took from a tampering to its alert and to the keys' end, of what
tamper in the guest says and of the alert.

The guest's clock and dom0's differ, but the first refusal is the next use after
the gate was shut, which the alert has by dom0's clock: that ties them together,
to within one use.

  tampered.py TAMPER ALERTS             a line for a person, of the first alert
  tampered.py --row CHECK TAMPER ALERTS a line of detections.jsonl
  tampered.py --table FILE              these lines as a table
"""
import json
import sys


def load(path):
    with open(path) as f:
        return json.load(f)


def load_alerts(path):
    """The alerts of "list --json", the one created first in front."""
    with open(path) as f:
        alerts = [json.loads(line) for line in f if line.startswith("{")]
    return sorted(alerts, key=created)


def created(alert):
    return alert["finding_info"]["created_time"]


def alert_ms(tamper, alert, alerts):
    shut = [a["time"] for one in alerts for a in one["unmapped"]["actions"]
            if a["done"]]
    if tamper["denied_ms"] is None or not shut:
        return None
    return tamper["denied_ms"] - (min(shut) - created(alert))


def seconds(ms):
    return "-" if ms is None else f"{ms / 1000:.2f}"


def sentence(tamper_path, alert_path):
    tamper, alerts = load(tamper_path), load_alerts(alert_path)
    print(f"from the tampering: alert after "
          f"{seconds(alert_ms(tamper, alerts[0], alerts))} s, last use after "
          f"{seconds(tamper['last_ms'])} s ({tamper['after']} of them), "
          f"first refusal after {seconds(tamper['denied_ms'])} s")


def row(check, tamper_path, alert_path):
    tamper, alerts = load(tamper_path), load_alerts(alert_path)
    alert = [a for a in alerts
             if a["finding_info"]["analytic"]["name"] == check][-1]
    print(json.dumps({
        "check": check,
        "technique": alert["finding_info"]["attacks"][0]["technique"]["uid"],
        "object": alert["evidences"][0]["data"]["object"],
        "alert_ms": alert_ms(tamper, alert, alerts),
        "last_ms": tamper["last_ms"],
        "denied_ms": tamper["denied_ms"],
    }))


def table(path):
    with open(path) as f:
        rows = [json.loads(line) for line in f]
    print(f"{'check':18} {'technique':10} {'alert':>7} {'last use':>8} "
          f"{'denied':>7}  object")
    for r in rows:
        print(f"{r['check']:18} {r['technique']:10} "
              f"{seconds(r['alert_ms']):>7} {seconds(r['last_ms']):>8} "
              f"{seconds(r['denied_ms']):>7}  {r['object']}")


def main(args):
    if args[0] == "--row":
        row(*args[1:])
    elif args[0] == "--table":
        table(*args[1:])
    else:
        sentence(*args)


main(sys.argv[1:])
