"""The URL language of ``reply_to``, there and back, and how such a text is shown."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dbjobs import InvalidOption
from dbjobs.reply_to import METHODS, Credential, HttpTarget, mask_reply_to, parse_http, scheme_of


@pytest.mark.parametrize(
    ("text", "method", "url", "credential"),
    [
        ("https://example.com", "POST", "https://example.com/", None),
        ("PUT https://example.com/a/b?c=d&e=f#g", "PUT", "https://example.com/a/b?c=d&e=f", None),
        ("delete  HTTPS://EXAMPLE.com:8443?x", "DELETE", "https://example.com:8443/?x", None),
        ("https://bücher.example/ü", "POST", "https://xn--bcher-kva.example/%C3%BC", None),
        ("http://[::1]:80/x", "POST", "http://[::1]:80/x", None),
        ("https://u:p@h/x", "POST", "https://h/x", Credential(kind="basic", name="u", value="p")),
        ("https://u%40x:a%2Fb%3A@h", "POST", "https://h/", Credential(kind="basic", name="u@x", value="a/b:")),
        ("https://u:a:b@h", "POST", "https://h/", Credential(kind="basic", name="u", value="a:b")),
        ("https://u:@h", "POST", "https://h/", Credential(kind="basic", name="u", value="")),
        (
            "https://u:$PASS@h",
            "POST",
            "https://h/",
            Credential(kind="basic", name="u", value="PASS", from_environment=True),
        ),
        ("https://tok%2Fen@h", "POST", "https://h/", Credential(kind="bearer", value="tok/en")),
        ("https://$TOKEN@h", "POST", "https://h/", Credential(kind="bearer", value="TOKEN", from_environment=True)),
        ("https://%24TOKEN@h", "POST", "https://h/", Credential(kind="bearer", value="$TOKEN")),
        ("https://http.X-Key:v:1@h", "POST", "https://h/", Credential(kind="header", name="X-Key", value="v:1")),
        (
            "PATCH https://http.X-Key:$KEY@h/p",
            "PATCH",
            "https://h/p",
            Credential(kind="header", name="X-Key", value="KEY", from_environment=True),
        ),
        ("https://http%2EX:v@h", "POST", "https://h/", Credential(kind="basic", name="http.X", value="v")),
    ],
)
def test_every_form_means_what_it_says(text: str, method: str, url: str, credential: Credential | None) -> None:
    target = parse_http(text)
    assert (target.method, target.url, target.credential) == (method, url, credential)
    assert parse_http(target.text) == target


_texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=12)
_tokens = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=12)
_names = st.from_regex(r"\A[A-Za-z_][A-Za-z0-9_]{0,8}\Z")
_credentials = st.one_of(
    st.builds(Credential, kind=st.just("basic"), name=_texts.filter(lambda user: ":" not in user), value=_texts),
    st.builds(Credential, kind=st.just("bearer"), value=_tokens),
    st.builds(Credential, kind=st.just("header"), name=st.from_regex(r"\AX-[A-Za-z-]{1,8}\Z"), value=_tokens),
    st.builds(Credential, kind=st.just("bearer"), value=_names, from_environment=st.just(True)),
    st.builds(
        Credential, kind=st.just("header"), name=st.just("X-Key"), value=_names, from_environment=st.just(True)
    ),
    st.builds(Credential, kind=st.just("basic"), name=_texts.filter(lambda user: ":" not in user), value=_names,
              from_environment=st.just(True)),
)  # fmt: skip
_targets = st.builds(
    HttpTarget,
    method=st.sampled_from(METHODS),
    scheme=st.sampled_from(["http", "https"]),
    host=st.one_of(
        st.from_regex(r"\A[a-z][a-z0-9-]{0,10}\.example\Z"),
        st.ip_addresses(v=6).map(str),
        st.ip_addresses(v=4).map(str),
    ),
    port=st.none() | st.integers(1, 65535),
    path=st.from_regex(r"\A/[A-Za-z0-9%/@:~+,;=.-]{0,12}(\?[a-z0-9=&@/:]{0,12})?\Z"),
    credential=st.none() | _credentials,
)


@settings(max_examples=300, deadline=None)
@given(_targets)
def test_what_is_written_is_read_as_it_was_meant_and_never_shown(target: HttpTarget) -> None:
    assert parse_http(target.text) == target
    shown = mask_reply_to(target.text)
    assert shown is not None
    assert mask_reply_to(shown) == shown
    credential = target.credential
    if credential is None:
        return
    login = shown.partition("://")[2].partition("@")[0].rpartition(":")[2]
    if credential.from_environment:
        assert login == f"${credential.value}"
        assert f"${credential.value}" in repr(target)
    else:
        assert login == ("***" if credential.value else "")
        known = f"{credential.kind!r} {credential.name!r} {target.method!r} {target.host!r} {target.path!r}"
        if repr(credential.value) not in known:
            assert repr(credential.value) not in repr(target)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (None, None),
        ("inbox", "inbox"),
        ("slack:#ops", "slack:#ops"),
        ("mailto:ops@example.com", "mailto:ops@example.com"),
        ("https://example.com/@user/x?a=b", "https://example.com/@user/x?a=b"),
        ("PUT https://u:p@h/x", "PUT https://u:***@h/x"),
        ("https://token@h", "https://***@h"),
        ("https://a@b@h", "https://***@h"),
        ("https://http.X-Key:v@h", "https://http.X-Key:***@h"),
        ("https://$TOKEN@h", "https://$TOKEN@h"),
        ("https://$TOKEN-and-more@h", "https://***@h"),
        ("https://u:pa/ss@h/x", "https://***@h/x"),
        ("https://h/x?token=a&b=c&api_key=d#e", "https://h/x?token=***&b=c&api_key=***#e"),
        ("https://h/x#access_token=a&b=c", "https://h/x#access_token=***&b=c"),
        ("amqp://u:p@h/v", "amqp://u:***@h/v"),
    ],
)
def test_secrets_are_masked_wherever_they_may_stand(text: str | None, shown: str | None) -> None:
    assert mask_reply_to(text) == shown


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("TRACE https://h", "the text before the space must be one of POST, PUT, PATCH, DELETE, GET"),
        ("https://h/a b", "the text before the space"),
        ("ftp://h", "must be an http:// or https:// URL"),
        ("https:h", "must be an http:// or https:// URL"),
        ("https://", "there is no host where one is expected"),
        ("https://tok@/x", "there is no host where one is expected"),
        (
            "https://u:se/cret@h",
            "a port is a number from 1 to 65535; special characters of a login must be URL-encoded",
        ),
        ("https://h:0", "a port is a number from 1 to 65535"),
        ("https://[::1", "is not a host"),
        ("https://h\\evil", "there is no host"),
        ("https://h/a\x01b", "control characters and backslashes must be URL-encoded"),
        ("https://http.Host:secret@h", "http.Host names no header that can be sent"),
        ("https://http.Webhook-Id:secret@h", "names no header that can be sent"),
        ("https://http.:secret@h", "names no header that can be sent"),
        ("https://secret%0Ax@h", "a token or header value has characters that no header can carry"),
        ("https://http.X:@h", "there is no token before the @"),
        ("https://u%3Ax:secret@h", "must not contain a colon"),
    ],
)
def test_a_wrong_one_is_told_without_its_secret(text: str, error: str) -> None:
    with pytest.raises(InvalidOption) as refused:
        parse_http(text)
    assert error in str(refused.value)
    assert "secret" not in str(refused.value)
    assert "se/cret" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "scheme"),
    [
        ("PUT https://h", "https"),
        ("HTTPS://h", "https"),
        ("slack:#ops", "slack"),
        ("inbox", None),
        ("a b c:d", None),
        ("12:30", None),
    ],
)
def test_a_scheme_is_what_stands_before_the_first_colon(text: str, scheme: str | None) -> None:
    assert scheme_of(text) == scheme
