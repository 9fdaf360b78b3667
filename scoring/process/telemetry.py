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
# OpenVINO's converter and NNCF report through it as soon as they are imported, and report nothing where it is not
# installed. The file in which a user refuses that is the user's, so it is not written here.
_REPORTER = "openvino_telemetry"


def mute_telemetry() -> None:
    """Mute libraries that are imported from now on, here and in the processes that this one starts.

    MNN reports only from its command line and from `MNN.tools`; neither is used here.
    """
    os.environ.update(_SETTINGS)
    sys.modules.setdefault(_REPORTER, cast("ModuleType", None))  # what Python takes for "there is no such module"
