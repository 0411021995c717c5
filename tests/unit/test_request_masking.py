"""Secrets leave no request; agents and addresses are told from what anybody may have written."""

from __future__ import annotations

import json
import time

import pytest

from dbjobs.errors import InvalidOption
from dbjobs.requestlog.agents import agent_of
from dbjobs.requestlog.clients import Proxies
from dbjobs.requestlog.masking import MASK, Masks, hashed

MASKS = Masks(["shoe-size"])
SECRET = "s3cr3t"


@pytest.mark.parametrize(
    "name",
    ["password", "Password", "new_password", "passwd", "access_token", "X-Auth-Token", "csrfToken", "client-secret",
     "apiKey", "api_key", "X-API-Key", "Authorization", "Proxy-Authorization", "Cookie", "Set-Cookie", "sessionid",
     "credentials", "private_key", "pin", "sig", "SHOE_SIZE"],
)  # fmt: skip
def test_these_names_are_secret_wherever_they_stand(name: str) -> None:
    assert SECRET not in MASKS.query(f"a=1&{name}={SECRET}&b=2")
    body = json.dumps({"a": [{"b": {name: SECRET}}], "c": "kept"}).encode()
    stored = MASKS.body(body, len(body), "application/json; charset=utf-8", "")
    assert stored is not None
    assert SECRET not in stored
    assert json.loads(stored)["c"] == "kept"
    form = f"a=1&{name}={SECRET}".encode()
    assert MASKS.body(form, len(form), "application/x-www-form-urlencoded", "") == f"a=1&{name}={MASK}"
    [(_, value)] = MASKS.headers([(name.encode(), SECRET.encode())])
    assert value == MASK


@pytest.mark.parametrize("name", ["page", "author", "user", "q", "keyboard", "spinning", "passenger"])
def test_these_names_are_none(name: str) -> None:
    assert MASKS.query(f"{name}=x") == f"{name}=x"


def test_a_name_is_secret_however_it_is_encoded() -> None:
    assert MASKS.query(f"pass%77ord={SECRET}&%74oken={SECRET}") == f"pass%77ord={MASK}&%74oken={MASK}"
    body = b'{"pass\\u0077ord": "s3cr3t"}'
    assert SECRET not in str(MASKS.body(body, len(body), "application/problem+json", ""))


def test_a_secret_of_any_shape_goes() -> None:
    body = json.dumps({"token": {"deep": [SECRET]}, "fields": [{"name": "password", "value": SECRET}]}).encode()
    assert SECRET not in str(MASKS.body(body, len(body), "application/json", ""))


def test_of_authorization_the_scheme_stays() -> None:
    headers = MASKS.headers([(b"Authorization", b"Bearer s3cr3t"), (b"authorization", b"s3cr3t"), (b"accept", b"*/*")])
    assert headers == [("authorization", f"Bearer {MASK}"), ("authorization", MASK), ("accept", "*/*")]


def test_a_url_in_a_header_loses_login_and_secrets() -> None:
    url = b"https://me:s3cr3t@shop/a?token=s3cr3t&b=1#access_token=s3cr3t"
    for name in (b"referer", b"location"):
        assert MASKS.headers([(name, url)])[0][1] == f"https://shop/a?token={MASK}&b=1#access_token={MASK}"


@pytest.mark.parametrize(
    ("body", "kind", "encoding", "total"),
    [
        (b'{"password": "s3cr3t", "a', "application/json", "", 5000),  # cut
        (b'{"password": "s3cr3t"', "application/json", "", None),  # no JSON
        (b'{"password": "s3cr3t"}\n{}', "application/x-ndjson", "", None),
        (b"a=1&pass", "application/x-www-form-urlencoded", "", 100),  # cut within a name
        (b"--b\r\nname=password\r\n\r\ns3cr3t", "multipart/form-data; boundary=b", "", None),
        (b"s3cr3t", "application/json", "gzip", None),
        (b"\x89PNG s3cr3t", "image/png", "", None),
        (b"password: s3cr3t", "text/plain", "", None),
        (b"<login><password>s3cr3t</password></login>", "application/xml", "", None),
    ],
)
def test_where_a_secret_cannot_be_told_from_the_rest_nothing_is_kept(
    body: bytes, kind: str, encoding: str, total: int | None
) -> None:
    stored = MASKS.body(body, len(body) if total is None else total, kind, encoding)
    assert stored is not None
    assert SECRET not in stored


def test_the_text_of_an_error_keeps_no_secret() -> None:
    told = MASKS.text("login failed: password='s3cr3t', api_key: s3cr3t; Authorization: Bearer s3cr3t at line 5")
    assert SECRET not in told
    assert "at line 5" in told


@pytest.mark.parametrize(
    "text",
    [
        'sent {"password": "s3cr3t and more", "a": 1}',
        "password='s3cr3t \\'and\\' more', a=1",
        r"body {\"password\": \"s3cr3t and more\"}",
        "<login><password>s3cr3t and more</password></login>",
    ],
)
def test_of_a_secret_in_a_text_nothing_is_left(text: str) -> None:
    told = MASKS.text(text)
    assert SECRET not in told
    assert "more" not in told


@pytest.mark.parametrize("part", ["a", "password", "token: ", 'secret="', "cookie\\", "token>", "password'x"])
def test_a_text_costs_by_its_length_and_not_by_its_square(part: str) -> None:
    """A body is anybody's text, and it is masked in the event loop."""
    began = time.process_time()
    MASKS.text(part * (64_000 // len(part)))
    assert time.process_time() - began < 2.0


def test_a_hash_is_always_the_same_and_none_but_its_own() -> None:
    assert hashed("a") == hashed("a") != hashed("b")
    assert "secret" not in hashed("secret")
    assert hashed(hashed("a")) != hashed("a")  # a key that looks like a hash is hashed as well


@pytest.mark.parametrize(
    ("text", "browser", "device", "bot"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0 Safari/537.36",
         "Chrome", "desktop", None),
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/131.0 Safari/537.36 Edg/131.0",
         "Edge", "desktop", None),
        ("Mozilla/5.0 (Windows NT 10.0; rv:133.0) Gecko/20100101 Firefox/133.0", "Firefox", "desktop", None),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605 Version/18.1 Mobile/15E148 Safari/604",
         "Safari", "mobile", None),
        ("Mozilla/5.0 (iPad; CPU OS 18_1 like Mac OS X) AppleWebKit/605 CriOS/131.0 Mobile/15E148 Safari/604",
         "Chrome", "tablet", None),
        ("Mozilla/5.0 (Linux; Android 15; SM-X910) AppleWebKit/537 SamsungBrowser/27 Chrome/125 Safari/537",
         "Samsung Internet", "tablet", None),
        ("Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 Chrome/131.0 Mobile Safari/537.36",
         "Chrome", "mobile", None),
        ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", None, "other", "Googlebot"),
        ("Mozilla/5.0 (Linux; Android 6.0.1) Chrome/131 Mobile Safari/537 (compatible; bingbot/2.0)",
         "Chrome", "mobile", "bingbot"),
        ("facebookexternalhit/1.1", None, "other", "facebookexternalhit"),
        ("curl/8.11.0", "curl", "other", None),
        ("python-httpx/0.28.1", "python-httpx", "other", None),
        ("", None, "other", None),
        ("x" * 100_000, None, "other", None),
    ],
)  # fmt: skip
def test_agents(text: str, browser: str | None, device: str, bot: str | None) -> None:
    assert agent_of(text) == (browser, device, bot)


@pytest.mark.parametrize(
    ("trusted", "peer", "forwarded_for", "forwarded", "client"),
    [
        ([], "10.0.0.1", "6.6.6.6", None, "10.0.0.1"),
        (["10.0.0.0/8"], "8.8.8.8", "6.6.6.6", None, "8.8.8.8"),
        (["10.0.0.0/8"], "10.0.0.1", "6.6.6.6", None, "6.6.6.6"),
        (["10.0.0.0/8"], "10.0.0.1", "1.1.1.1, 6.6.6.6, 10.0.0.2", None, "6.6.6.6"),
        (["10.0.0.0/8"], "10.0.0.1", "10.0.0.3, 10.0.0.2", None, "10.0.0.3"),
        (["10.0.0.0/8"], "10.0.0.1", "6.6.6.6, nonsense", None, "10.0.0.1"),
        (["10.0.0.0/8"], "10.0.0.1", None, 'for="[2001:db8::1]:443";proto=https', "2001:db8::1"),
        (["10.0.0.0/8"], "::ffff:10.0.0.1", "6.6.6.6:4000", None, "6.6.6.6"),
        (["::1"], "::1", "6.6.6.6", None, "6.6.6.6"),
        (["10.0.0.0/8"], None, "6.6.6.6", None, None),
        (["10.0.0.0/8"], "testclient", None, None, None),
    ],
)
def test_forwarding_headers_are_believed_from_trusted_peers_only(
    trusted: list[str], peer: str | None, forwarded_for: str | None, forwarded: str | None, client: str | None
) -> None:
    assert Proxies(trusted).client(peer, forwarded_for, forwarded) == client


def test_a_proxy_that_is_no_address_is_named() -> None:
    with pytest.raises(InvalidOption, match="'localhost' is neither an address nor a network"):
        Proxies(["localhost"])
