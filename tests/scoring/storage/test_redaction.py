import subprocess

import pytest

from scoring.storage.redaction import brief, command_line, redact, visible


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
        "GET http://host/b/x.png%3FX-Amz-Date%3D1%26X-Amz-Signature%3DPASSWORD%26x%3D1 in 3ms",
        "GET http://host/b?list-type=2&prefix=p%3fsig%3dPASSWORD%2F in 3ms",
        "https://login/?next=http%253A%252F%252Fhost%253Fx%253D1%2526access_token%253DPASSWORD",
        "https://host/x.jpg?sig=PASS%26PASSWORD",
        "https://host/x.jpg#access_token=PASSWORD",
        "https://host/x.jpg?Policy=PASSWORD",
        "https://host/x.jpg?hdnts=exp=1~hmac=PASSWORD",
        "https://host/x.jpg?jwt=PASSWORD",
        "https://host/x.jpg?pwd=PASSWORD",
        "https://host/x.jpg?credential=PASSWORD",
        "https://host/x.jpg;jsessionid=PASSWORD",
        "https://host/x.jpg?key=AIzaSyD-PASSWORD-abcdefghij",
        "https://host/x.jpg%3Fcode%3DabcdefghijPASSWORDabcdefghij",
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
        "https://host/x.jpg?key=photos/cats/2020/07/1234567890.jpg&code=42",
        "100%2Ftoken.jpg is not there",
    ],
)
def test_other_text_stays(text: str) -> None:
    assert redact(text) == text


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("cat\n1.jpg", "cat\\u000a1.jpg"),
        ("gpj.\u202ecat", "gpj.\\u202ecat"),  # would read tac.jpg
        ("zero\u200bwidth", "zero\\u200bwidth"),
        ("\x1b[31mred", "\\u001b[31mred"),
        ("line\u2028end", "line\\u2028end"),
        ("\ufffe", "\\ufffe"),
        ("\U000e0041", "\\U000e0041"),
    ],
)
def test_characters_that_hide_or_reorder_are_shown_by_number(hostile: str, shown: str) -> None:
    assert visible(hostile) == shown


@pytest.mark.parametrize("name", ["Zoë <3>.jpg", "猫.jpg", "חתול.jpg", "👩\u200d🚀.png", "می\u200cشود.jpg"])
def test_letters_of_any_script_stay_as_they_are(name: str) -> None:
    assert visible(name) == name


def test_a_text_that_is_longer_than_a_files_name_is_shown_by_its_ends() -> None:
    assert [brief("x" * 255), brief(7)] == ["x" * 255, "7"]
    shown = brief(f"begin{'x' * 5000}end")
    assert (len(shown), shown[:6], shown[-4:]) == (258, "beginx", "xend")
    assert "PASSWORD" not in brief(f"https://x/{'a' * 300}?X-Amz-Signature={'PASSWORD' * 40}")


def test_a_word_of_a_million_letters_is_searched_at_once() -> None:
    assert redact("x" * 1_000_000) == "x" * 1_000_000


@pytest.mark.parametrize(
    "word",
    [
        *("photos/1.jpg", "my photos", "", "mine's", "Fotos \u00e9t\u00e9", "a\\nb $HOME !x"),
        *(
            "my\npho'tos",
            "tab\tand\r\\",
            "line\u2028\u00e9",
            "\x1b[31mred\x077",
            "turned\u202egpj.exe",
            "of `images`",
            "\x9b\ufffe",
        ),
    ],
)
def test_a_command_that_is_shown_is_one_that_a_shell_takes(word: str) -> None:
    shown = command_line(["printf", r"%s\0", word, "-x"])
    assert visible(shown) == shown
    assert "`" not in shown
    said = subprocess.check_output(["bash", "-c", shown], env={"LC_ALL": "C"})
    assert said == f"{word}\0-x\0".encode()


def test_words_that_can_be_seen_are_shown_as_they_are() -> None:
    assert command_line(["score", "--images", "my photos", "été.jpg"]) == "score --images 'my photos' 'été.jpg'"
