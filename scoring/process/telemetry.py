"""Keep libraries from reporting their use to their makers."""

import os
import sys
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from types import ModuleType

_SETTINGS = {
    "NNCF_CI": "1",  # NNCF then has a telemetry that does nothing
    "HF_HUB_DISABLE_TELEMETRY": "1",
}
# Optional for OpenVINO's converter and for NNCF, which report nothing where it is not installed; both send events when
# they are imported, whatever a process does with them afterwards, and their consent file belongs to the user.
_REPORTER = "openvino_telemetry"


def mute_telemetry() -> None:
    """Mute libraries that are imported from now on, here and in the processes that this one starts.

    MNN reports from its command line and from all of `MNN.tools` alone, which are never used.
    """
    os.environ.update(_SETTINGS)
    sys.modules.setdefault(_REPORTER, cast("ModuleType", None))  # what Python takes for "there is no such module"
