"""The HTTP notifier: what it sends, signs, follows, refuses and says, against a real server."""

from __future__ import annotations

import asyncio
import base64
import socket
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from msgspec.structs import replace
from standardwebhooks import Webhook

from dbjobs import InvalidOption, Job, JobState, NotDelivered, ReplyTo, RetryAfter
from dbjobs.store.records import NewJob
from dbjobs.testing.rows import stored_job
from dbjobs.webhooks import HttpNotifier
from dbjobs.webhooks.addresses import Addresses
from tests.receiver import Receiver, answer, receiving

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()


def ended(**changes: Any) -> Job[Any]:
    now = datetime.now(UTC)
    job = stored_job(7, NewJob(queue="default", command="work", tag="t", ref_id="r", batch_id="b", user_id="u"), ())
    return replace(
        job, **{"state": JobState.COMPLETED, "completed_at": now, "attempt": 2, "response": {"a": "ü"}, **changes}
    )


def to(text: str) -> ReplyTo:
    return ReplyTo(text=text, scheme="http", id="job-7-2", attempt=1)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as opened:
        yield opened


def own(**options: Any) -> HttpNotifier:
    return HttpNotifier(**{"allow_private": True, "timeout": 20, **options})


async def test_a_notice_has_the_shape_that_is_documented_and_a_signature_that_others_verify(
    receiver: Receiver,
) -> None:
    assert await own(secret=SECRET)(ended(), to(receiver.url())) == {"status": 204, "redirects": 0}
    (request,) = receiver.received
    body = Webhook(SECRET).verify(request.body, request.headers)
    assert (request.method, request.path, request.headers["content-type"]) == ("POST", "/hook", "application/json")
    assert request.headers["webhook-id"] == "job-7-2"
    assert request.headers["host"] == f"127.0.0.1:{receiver.port}"
    assert "authorization" not in request.headers
    assert set(body) == {"type", "timestamp", "data"}
    assert body["type"] == "job.completed"
    assert body["timestamp"] == body["data"]["completed_at"]
    assert set(body["data"]) == {
        "id", "id_text", "ref_id", "parent_id", "command", "state", "queue", "worker", "tag", "batch_id", "user_id",
        "created_by", "attempt", "created_at", "started_at", "completed_at", "duration_ms", "response", "error", "args",
    }  # fmt: skip
    told = {name: body["data"][name] for name in ("id", "id_text", "ref_id", "batch_id", "user_id", "attempt")}
    assert told == {"id": 7, "id_text": "7", "ref_id": "r", "batch_id": "b", "user_id": "u", "attempt": 2}
    assert (body["data"]["response"], body["data"]["error"]) == ({"a": "ü"}, None)


async def test_a_failure_is_told_with_its_error(receiver: Receiver) -> None:
    await own()(ended(state=JobState.FAILED, response=None, error_code="E", error="E: no"), to(receiver.url()))
    assert receiver.received[0].data["error"] == {"code": "E", "message": "E: no"}
    assert b'"type":"job.failed"' in receiver.received[0].body


async def test_secrets_may_be_bytes_or_in_the_environment_and_several_at_a_time(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = bytes(range(50, 80))
    monkeypatch.setenv("HOOK_SECRET", SECRET)
    await own(secret=["$HOOK_SECRET", other])(ended(), to(receiver.url()))
    for secret in (SECRET, other):
        Webhook(secret).verify(receiver.received[0].body, receiver.received[0].headers)
    monkeypatch.delenv("HOOK_SECRET")
    with pytest.raises(NotDelivered, match="the environment variable HOOK_SECRET, which is to hold the webhook secret"):
        await own(secret="$HOOK_SECRET")(ended(), to(receiver.url()))
    await own()(ended(), to(receiver.url()))
    assert "webhook-signature" not in receiver.received[1].headers
    monkeypatch.setenv("DBJOBS_WEBHOOK_SECRET", SECRET)
    await own()(ended(), to(receiver.url()))
    Webhook(SECRET).verify(receiver.received[2].body, receiver.received[2].headers)


@pytest.mark.parametrize(
    ("login", "header", "value"),
    [
        ("user:pass%20word@", "authorization", "Basic " + base64.b64encode(b"user:pass word").decode()),
        ("user:$HOOK_VALUE@", "authorization", "Basic " + base64.b64encode(b"user:from-env").decode()),
        ("to%2Fken@", "authorization", "Bearer to/ken"),
        ("$HOOK_VALUE@", "authorization", "Bearer from-env"),
        ("http.X-Key:a%3Ab@", "x-key", "a:b"),
        ("http.X-Key:$HOOK_VALUE@", "x-key", "from-env"),
    ],
)
async def test_credentials_go_into_their_header(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, login: str, header: str, value: str
) -> None:
    monkeypatch.setenv("HOOK_VALUE", "from-env")
    await own(env=["HOOK_VALUE"])(ended(), to("PUT " + receiver.url("/p?q=1", login=login)))
    (request,) = receiver.received
    assert (request.method, request.path, request.headers[header]) == ("PUT", "/p?q=1", value)


async def test_only_named_variables_leave_the_process(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTHER_SECRET", "x")
    target = to(receiver.url(login="$OTHER_SECRET@"))
    with pytest.raises(InvalidOption, match=r"\$OTHER_SECRET: HttpNotifier\(env=\[...\]\) names the environment"):
        await own(env=["HOOK_VALUE"])(ended(), target)
    monkeypatch.delenv("OTHER_SECRET")
    with pytest.raises(NotDelivered, match="OTHER_SECRET, which reply_to names, is not set here"):
        await own(env=["OTHER_SECRET"])(ended(), target)
    assert receiver.received == []


async def test_a_get_has_no_body(receiver: Receiver) -> None:
    await own(secret=SECRET)(ended(), to("GET " + receiver.url()))
    assert (receiver.received[0].method, receiver.received[0].body) == ("GET", b"")


# --- answers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "headers", "final", "after"),
    [
        (400, "", False, None),
        (410, "", True, None),
        (500, "", False, None),
        (503, "retry-after: 7\r\n", None, 7.0),
        (429, "retry-after: 999999999\r\n", None, 86_400.0),
        (503, "retry-after: tomorrow\r\n", False, None),
        (302, "", False, None),
    ],
)
async def test_an_answer_decides_on_another_try(
    receiver: Receiver, status: int, headers: str, final: bool | None, after: float | None
) -> None:
    receiver.answer = lambda _: answer(status, headers, b"secret echo")
    with pytest.raises((NotDelivered, RetryAfter)) as refused:
        await own()(ended(), to(receiver.url(login="token@")))
    assert str(refused.value) == f"http://127.0.0.1:{receiver.port} answered {status}"
    if after is None:
        assert isinstance(refused.value, NotDelivered)
        assert refused.value.final is final
    else:
        assert isinstance(refused.value, RetryAfter)
        assert refused.value.seconds == after


async def test_an_endless_answer_is_left_and_counts(receiver: Receiver) -> None:
    receiver.answer = lambda _: b"HTTP/1.1 200 x\r\ncontent-length: 100000000\r\n\r\n" + bytes(200_000)
    assert await own()(ended(), to(receiver.url())) == {"status": 200, "redirects": 0}


async def test_a_silent_receiver_costs_the_timeout_and_no_more(receiver: Receiver) -> None:
    async def never(_: object) -> bytes:
        await asyncio.Event().wait()
        return b""

    receiver.answer = never
    with pytest.raises(NotDelivered, match=r"^http://127.0.0.1:\d+ did not answer within 0.3 s$"):
        await own(timeout=0.3)(ended(), to(receiver.url(login="token@")))


@pytest.mark.parametrize("answer_", [b"nonsense\r\n\r\n", b"", b"HTTP/1.1 200 x\r\nx: " + b"y" * 300_000])
async def test_what_the_http_library_says_is_told_without_secrets(receiver: Receiver, answer_: bytes) -> None:
    receiver.answer = lambda _: answer_
    with pytest.raises(NotDelivered) as refused:
        await own()(ended(), to(receiver.url("/secret-path", login="secret-token@")))
    assert "secret" not in str(refused.value)
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__


async def test_nobody_listens() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        with pytest.raises(NotDelivered, match=r"^http://127\.0\.0\.1:\d+: Connect\w+"):
            await own(timeout=5)(ended(), to(f"http://127.0.0.1:{closed.getsockname()[1]}/"))


# --- redirects --------------------------------------------------------------------------------------------------------


async def test_a_redirect_keeps_method_body_and_signature_and_drops_credentials_elsewhere(receiver: Receiver) -> None:
    async with receiving() as other:
        hops = {
            "/hook": f"location: {receiver.url('/same')}\r\n",
            "/same": f"location: {other.url('/other')}\r\n",
        }
        receiver.answer = lambda request: answer(302 if request.path == "/hook" else 308, hops[request.path])
        notifier = own(secret=SECRET)
        assert await notifier(ended(), to("PUT " + receiver.url(login="token@"))) == {"status": 204, "redirects": 2}
        first, same = receiver.received
        (elsewhere,) = other.received
    for request in (first, same, elsewhere):
        assert request.method == "PUT"
        Webhook(SECRET).verify(request.body, request.headers)
    assert [request.headers.get("authorization") for request in (first, same, elsewhere)] == ["Bearer token"] * 2 + [
        None
    ]


@pytest.mark.parametrize(
    ("location", "error", "final"),
    [
        ("ftp://example.com/", "redirects to something that is not a URL", True),
        ("http://user:secret@example.com/", "redirects to a URL with a login", True),
        ("/hook", "more than 5 redirects", False),
    ],
)
async def test_a_redirect_that_leads_nowhere(receiver: Receiver, location: str, error: str, final: bool) -> None:
    receiver.answer = lambda _: answer(307, f"location: {location}\r\n")
    with pytest.raises(NotDelivered, match=error) as refused:
        await own()(ended(), to(receiver.url()))
    assert refused.value.final is final
    assert "secret" not in str(refused.value)


async def test_see_other_means_that_the_notice_was_taken(receiver: Receiver) -> None:
    receiver.answer = lambda _: answer(303, "location: /elsewhere\r\n")
    assert await own()(ended(), to(receiver.url())) == {"status": 303, "redirects": 0}


# --- addresses --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.8.9.1", "10.0.0.1", "172.16.3.4", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",
        "224.0.0.1", "239.1.2.3", "255.255.255.255", "240.0.0.1", "192.0.2.1", "198.18.0.1", "::", "::1", "fe80::1",
        "fe80::1%eth0", "fc00::1", "fd12::1", "fec0::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::8.8.8.8",
        "64:ff9b::7f00:1", "64:ff9b::808:808", "64:ff9b:1::1", "2002:7f00:1::", "2001::1", "2001:db8::1", "nonsense",
    ],
)  # fmt: skip
def test_an_address_that_is_not_public_is_refused(address: str) -> None:
    assert not Addresses().allow(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "93.184.216.34", "2606:4700:4700::1111", "2a00:1450::1"])
def test_a_public_address_is_allowed(address: str) -> None:
    assert Addresses().allow(address)


def test_what_is_refused_may_be_named() -> None:
    named = Addresses(allow_networks=["10.1.0.0/16", "64:ff9b::/96", "224.0.0.1"])
    assert [named.allow(one) for one in ("10.1.2.3", "64:ff9b::1", "224.0.0.1")] == [True] * 3
    assert [named.allow(one) for one in ("10.2.2.3", "127.0.0.1", "::1")] == [False] * 3
    private = Addresses(allow_private=True)
    assert [private.allow(one) for one in ("10.2.2.3", "127.0.0.1", "::1", "fe80::1")] == [True] * 4
    assert [private.allow(one) for one in ("224.0.0.1", "0.0.0.0", "::")] == [False] * 3


async def test_a_private_address_gets_nothing(receiver: Receiver) -> None:
    with pytest.raises(NotDelivered, match=r"'127\.0\.0\.1' is 127\.0\.0\.1, which is not a public address") as refused:
        await HttpNotifier()(ended(), to(receiver.url()))
    assert refused.value.final
    assert receiver.received == []


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST.", "127.1", "2130706433", "0x7f000001", "0.0.0.0", "[::1]", "[::ffff:127.0.0.1]"]
)
async def test_a_private_address_is_known_however_it_is_written(receiver: Receiver, host: str) -> None:
    with pytest.raises(NotDelivered, match=r"which is not a public address|cannot be found"):
        await HttpNotifier(timeout=20)(ended(), to(receiver.url(host=host)))
    assert receiver.received == []


async def test_a_redirect_to_a_private_address_gets_nothing(receiver: Receiver) -> None:
    async with receiving() as inside:
        receiver.answer = lambda _: answer(307, f"location: http://inside.example:{inside.port}/\r\n")
        found = {"outside.example": ["127.0.0.1"], "inside.example": ["127.0.0.2"]}

        async def resolver(host: str, port: int) -> list[str]:
            return found[host]

        notifier = HttpNotifier(allow_networks=["127.0.0.1"], resolver=resolver)
        with pytest.raises(NotDelivered, match=r"'inside\.example' is 127\.0\.0\.2, which is not a public address"):
            await notifier(ended(), to(receiver.url(host="outside.example")))
        assert len(receiver.received) == 1
        assert inside.received == []


async def test_the_address_that_is_connected_to_is_the_one_that_was_looked_at(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that is public when it is looked at, and private a moment later, is asked for once."""
    asked: list[str] = []

    async def rebinding(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["127.0.0.2"]

    def resolved_again(*arguments: object, **more: object) -> None:
        raise AssertionError(f"resolved once more: {arguments}")

    notifier = HttpNotifier(allow_networks=["127.0.0.1"], resolver=rebinding, timeout=20)
    loop = asyncio.get_running_loop()
    monkeypatch.setattr(loop, "getaddrinfo", resolved_again)
    monkeypatch.setattr(socket, "getaddrinfo", resolved_again)
    await notifier(ended(), to(receiver.url(host="rebinding.example")))
    assert asked == ["rebinding.example"]
    assert receiver.received[0].headers["host"] == f"rebinding.example:{receiver.port}"
    with pytest.raises(NotDelivered, match=r"is 127\.0\.0\.2, which is not a public address"):
        await notifier(ended(), to(receiver.url(host="rebinding.example")))
    assert len(receiver.received) == 1


async def test_tls_is_for_the_name_although_the_connection_is_to_an_address(tmp_path: Path) -> None:
    key, certificate = self_signed("hook.example")
    (tmp_path / "both.pem").write_bytes(key + certificate)
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_side.load_cert_chain(tmp_path / "both.pem")
    trusting = ssl.create_default_context(cadata=certificate.decode())

    async def resolver(host: str, port: int) -> list[str]:
        return ["127.0.0.1"]

    notifier = HttpNotifier(allow_networks=["127.0.0.1"], resolver=resolver, ssl_context=trusting, timeout=20)
    async with receiving(context=server_side) as receiver:
        port = receiver.port
        assert (await notifier(ended(), to(f"https://token@hook.example:{port}/")))["status"] == 204
        with pytest.raises(NotDelivered, match=r"other\.example:.*: ConnectError: .*CERTIFICATE_VERIFY_FAILED"):
            await notifier(ended(), to(f"https://token@other.example:{port}/"))
        # From https to http goes no notice.
        receiver.answer = lambda _: answer(308, f"location: http://hook.example:{port}/\r\n")
        with pytest.raises(NotDelivered, match="redirects from https to http"):
            await notifier(ended(), to(f"https://hook.example:{port}/"))
        assert [request.headers["host"] for request in receiver.received] == [f"hook.example:{port}"] * 2


def self_signed(name: str) -> tuple[bytes, bytes]:
    """A key and its certificate, as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return private, certificate.public_bytes(pem)


async def test_of_several_addresses_the_allowed_ones_are_tried(receiver: Receiver) -> None:
    async def resolver(host: str, port: int) -> list[str]:
        return ["10.0.0.1", "::1", "127.0.0.1"]

    await HttpNotifier(allow_networks=["127.0.0.1"], resolver=resolver)(ended(), to(receiver.url(host="h.example")))
    assert len(receiver.received) == 1


async def test_a_name_that_is_not_found() -> None:
    async def resolver(host: str, port: int) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "no such name")

    with pytest.raises(NotDelivered, match=r"the host 'h\.example' cannot be found: no such name") as refused:
        await HttpNotifier(resolver=resolver)(ended(), to("https://token@h.example/"))
    assert not refused.value.final


# --- wrong uses -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: HttpNotifier(secret="c2hvcnQ="), "a secret has at least 16 bytes, not 5"),
        (lambda: HttpNotifier(secret=b"short"), "a secret has at least 16 bytes, not 5"),
        (lambda: HttpNotifier(secret="whsec_!!!"), "a secret is whsec_ and base64, bytes, or"),
        (lambda: HttpNotifier(secret=[1]), "a secret is a text or bytes, not a int"),  # type: ignore[list-item]
        (lambda: HttpNotifier(env="NAME"), "env='NAME' must be a list of names"),
        (lambda: HttpNotifier(timeout=0), "HttpNotifier: timeout=0 must be at least 0.1 s"),
        (lambda: HttpNotifier(max_redirects=-1), "max_redirects=-1 must be between 0 and 20"),
        (lambda: HttpNotifier(allow_networks="10.0.0.0/8"), "must be a list of networks"),
        (lambda: HttpNotifier(allow_networks=["10.0.0.1/8"]), "allow_networks: 10.0.0.1/8 has host bits set"),
    ],
)
def test_a_wrong_argument_is_told(make: Callable[[], HttpNotifier], error: str) -> None:
    with pytest.raises(InvalidOption) as refused:
        make()
    assert error in str(refused.value)


def test_without_its_package_it_says_what_to_install() -> None:
    code = """
import sys
sys.modules["httpcore2"] = None
import dbjobs
try:
    import dbjobs.webhooks
except ImportError as error:
    print(error)
"""
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout == "dbjobs.webhooks needs the package httpcore2: pip install 'dbjobs[webhooks]'\n"
