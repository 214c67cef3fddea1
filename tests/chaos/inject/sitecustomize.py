"""Loaded by every Python that the chaos tests start: arms the fault that the environment names."""

import os
import sys

_fault = os.environ.get("BRAINSEG_FAULT", "")
_target = os.environ.get("BRAINSEG_FAULT_IN", "brainseg.training.worker")
if _fault and any(_target in word for word in sys.orig_argv):
    import faults

    faults.arm(_fault)
