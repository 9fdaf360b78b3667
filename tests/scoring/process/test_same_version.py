import pickle

import pytest

from scoring import __version__
from scoring.errors import RequestError
from scoring.process import same_version
from scoring.process.same_version import SameVersion


def test_worker_of_another_version_than_the_drivers_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    sent = pickle.dumps(SameVersion(divmod))
    assert pickle.loads(sent)(7, 2) == (3, 1)
    monkeypatch.setattr(same_version, "__version__", "0.1.9")
    expected = rf"Expected shardscore {__version__}, as the command has, on all machines; one has 0\.1\.9\."
    with pytest.raises(RequestError, match=expected):
        pickle.loads(sent)(7, 2)
