"""Tells what `pip-audit` found. What could not be looked up is named and is never taken for sound."""

import json
import sys
from pathlib import Path


def main(report: Path) -> int:
    """0 without a known fault, also where nothing could be looked up, which is said; 1 with one."""
    try:
        packages = json.loads(report.read_text("utf-8"))["dependencies"]
    except (OSError, ValueError, KeyError):
        print("NOTICE: nothing was audited: the list of known faults could not be reached. See build/audit.log.")
        return 0
    left_out = [one["name"] for one in packages if "skip_reason" in one]
    faulty = [one for one in packages if one.get("vulns")]
    for one in faulty:
        print(f"{one['name']} {one['version']}: {', '.join(fault['id'] for fault in one['vulns'])}")
    print(f"{len(packages) - len(left_out)} of {len(packages)} packages looked up, {len(faulty)} with known faults.")
    if left_out:
        print(f"NOTICE: not audited, as nothing is known of them where it was asked: {', '.join(left_out)}.")
    return 1 if faulty else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
