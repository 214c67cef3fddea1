from __future__ import annotations

import pytest

from brainseg.data.formats import limits
from brainseg.data.quota import Quota
from brainseg.errors import ConfigError, ScanError


@pytest.fixture(autouse=True)
def fresh_limits() -> object:
    limits.current.cache_clear()
    yield
    limits.current.cache_clear()


def test_uploads_add_up_until_the_session_is_full() -> None:
    quota = Quota()
    for _ in range(20):
        quota = quota.add([limits.current().upload_bytes])
    assert quota == Quota(files=20, bytes=20 * limits.current().upload_bytes)
    with pytest.raises(ScanError, match="this session has uploaded 20 files of 2000 MB"):
        quota.add([limits.current().upload_bytes])
    assert quota.files == 20


def test_one_upload_is_limited_in_files_and_bytes() -> None:
    with pytest.raises(ScanError, match="513 files of 0 MB"):
        Quota().add([1] * 513)
    with pytest.raises(ScanError, match="upload fewer slices"):
        Quota().add([limits.current().upload_bytes, 1])


def test_limits_are_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRAINSEG_LIMIT_UPLOAD_FILES", "2")
    assert limits.current().upload_files == 2
    with pytest.raises(ScanError, match="at most 2 files"):
        Quota().add([1, 1, 1])


@pytest.mark.parametrize("value", ["0", "-5", "1e6", "many", "²"])
def test_a_setting_that_is_no_positive_whole_number_is_refused(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("BRAINSEG_LIMIT_SIDE", value)
    with pytest.raises(ConfigError, match="BRAINSEG_LIMIT_SIDE is"):
        limits.current()
