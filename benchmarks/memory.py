"""Peak memory of this process: the one way that benchmarks ask for it."""

import re
import sys
from pathlib import Path


def peak_mb() -> float:
    """Return the peak memory of this process, in MB.

    Linux keeps it in VmHWM. What `getrusage` tells of a child starts at the peak of the
    process that started it, so it serves only where there is no VmHWM.
    """
    status = Path("/proc/self/status")
    if status.exists():
        found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text(encoding="utf-8"))
        if found is not None:
            return int(found[1]) / 1024
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # bytes on macOS, kB elsewhere
    return most / 2**20 if sys.platform == "darwin" else most / 1024
