#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""alerts.py CHECK < ALERTS - the UID of the last alert of that check, of what
vhsmctl alerts list --json prints; exits 1 when there is none.
"""
import json
import sys


def main(check):
    alerts = [json.loads(line) for line in sys.stdin if line.startswith("{")]
    uids = [a["finding_info"]["uid"] for a in alerts
            if a["finding_info"]["analytic"]["name"] == check]
    if not uids:
        print("alerts:", [a["finding_info"]["analytic"]["name"]
                          for a in alerts])
        sys.exit(1)
    print(uids[-1])


main(*sys.argv[1:])
