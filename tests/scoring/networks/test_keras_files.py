import json
import zipfile
from pathlib import Path

import pytest

from scoring.errors import ModelError
from scoring.networks.keras_files import load_keras_file

pytestmark = pytest.mark.keras


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        ('{"keras_version": "99.1.0"}', " It was saved by Keras 99.1.0, and this is 3."),
        ('{"keras_version": "3.0.1"}', None),
        ('{"keras_version": 7}', None),
        ("no JSON", None),
        (None, None),
    ],
)
def test_a_file_that_a_newer_keras_saved_is_refused_by_both_versions(
    tmp_path: Path, metadata: str | None, said: str | None
) -> None:
    path = tmp_path / "model.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", json.dumps({"class_name": "FromTheFuture", "config": {}}))
        if metadata is not None:
            archive.writestr("metadata.json", metadata)
    with pytest.raises(ModelError, match=r"Cannot load .*in Keras' safe mode: ") as refused:
        load_keras_file(path)
    assert ("It was saved by" in str(refused.value)) == (said is not None)
    assert (said or "") in str(refused.value)
