import pytest

from scoring.storage.redaction import redact


@pytest.mark.parametrize(
    "text",
    [
        "Cannot reach ray://user:PASSWORD@head:10001: silence",
        "s3:/KEY:PASSWORD@bucket/x",
        "s3://KEY:PASS/PASSWORD@bucket/x",
        "https://PASSWORD@host/x",
        "('https://user:p@PASSWORD@host/x')",
        "https://host/x.jpg?X-Amz-Date=1&X-Amz-Signature=PASSWORD&x=1",
        "https://host/x.jpg?sv=1&sig=PASSWORD",
        "url: /x.jpg?access_token=PASSWORD (Caused by nothing)",
        "https://host/x.jpg?x-goog-signature=PASSWORD",
    ],
)
def test_secrets_of_urls_are_not_shown(text: str) -> None:
    assert "PASSWORD" not in redact(text)
    assert "***" in redact(text)
    assert redact(redact(text)) == redact(text)


@pytest.mark.parametrize(
    "text",
    [
        "s3://bucket/photos/me@home.jpg",
        "/data/user:name@host/x",
        "http://head:8265 is a dashboard's. Write to me@example.com",
        "https://host/x.jpg?size=3&design=blue",
    ],
)
def test_other_text_stays(text: str) -> None:
    assert redact(text) == text
