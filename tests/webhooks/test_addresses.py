"""Where webhooks are never sent, whatever a name says and when it says it."""

import ssl
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network

import httpx2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from infrastructure.http.ssrf_safe_client import (
    Network,
    PublicHttp,
    Resolve,
    is_public,
    networks,
    open_public_http,
)
from tests.support.ports import free_port
from tests.webhooks.parts import ENDLESS, Receiver, receiving

NOT_PUBLIC = (
    *("127.0.0.1", "127.8.8.8", "0.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1"),
    *("169.254.169.254", "224.0.0.1", "239.1.1.1", "255.255.255.255", "240.0.0.1", "198.18.0.1"),
    *("::", "::1", "fe80::1", "fc00::1", "fd00:ec2::254", "ff02::1", "fec0::1", "2001:db8::1"),
    # others that hold one of those
    *("::ffff:127.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "2001:0:7f00:1::"),
)
PUBLIC = ("8.8.8.8", "93.184.216.34", "2606:4700:4700::1111")
REFUSED = "the URL leads to an address that webhooks are not sent to"
LOOPBACK = networks("127.0.0.0/8")


def answering(*addresses: str) -> Resolve:
    """A resolver for which every name has these addresses."""

    async def find(_: str, __: int) -> Sequence[str]:
        return addresses

    return find


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_an_address_that_is_not_of_the_internet_at_large_is_none(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize("address", PUBLIC)
def test_an_address_of_the_internet_is_one(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "[::1]", "2130706433", "0x7f.1", "127.1", "[::ffff:127.0.0.1]"],
)
async def test_no_way_to_write_loopback_leads_there(host: str) -> None:
    async with receiving() as receiver, open_public_http(()) as public:
        url = f"http://{host}:{receiver.port}/hooks"
        assert (await public.post(url, b"{}", {})).status is None
        url = f"https://{host}:{receiver.port}/hooks"
        assert (await public.post(url, b"{}", {})).status is None
    assert receiver.requests == []


@pytest.mark.parametrize("addresses", [["127.0.0.1"], ["8.8.8.8", "127.0.0.1"], ["::1"]])
async def test_a_name_with_one_such_address_is_refused(addresses: list[str]) -> None:
    async with receiving() as receiver, httpx2.AsyncClient(trust_env=False) as http:
        public = PublicHttp(http, find=answering(*addresses))
        answer = await public.post(f"https://rebind.example:{receiver.port}/hooks", b"{}", {})
    assert answer.error == REFUSED
    assert receiver.requests == []


async def test_only_networks_that_are_allowed_are_spoken_to_without_tls() -> None:
    async with httpx2.AsyncClient(trust_env=False) as http:
        public = PublicHttp(http, LOOPBACK, find=answering("93.184.216.34"))
        assert (await public.post("http://shop.example/", b"{}", {})).error == REFUSED


async def test_a_name_is_asked_for_once_and_what_was_checked_is_connected_to() -> None:
    """A name whose answers change (DNS rebinding) has no second chance."""
    answers = [["127.0.0.1"], ["192.168.1.1"]]
    asked = []

    async def find(host: str, _: int) -> Sequence[str]:
        asked.append(host)
        return answers.pop(0)

    async with receiving() as receiver, httpx2.AsyncClient(trust_env=False) as http:
        public = PublicHttp(http, LOOPBACK, find=find)
        answer = await public.post(f"http://rebind.example:{receiver.port}/hooks", b"{}", {})
        assert answer.status == 200
        second = await public.post(f"http://rebind.example:{receiver.port}/hooks", b"{}", {})
        assert second.error == REFUSED
    (request,) = receiver.requests
    assert request.headers["host"] == f"rebind.example:{receiver.port}"
    assert asked == ["rebind.example"] * 2


async def test_the_next_address_is_tried_if_one_does_not_connect() -> None:
    async with receiving() as receiver, httpx2.AsyncClient(trust_env=False) as http:
        public = PublicHttp(http, LOOPBACK, find=answering("127.0.0.9", "127.0.0.1"))
        url = f"http://two.example:{receiver.port}/hooks"
        assert (await public.post(url, b"{}", {})).status == 200


async def test_a_body_without_end_is_not_read() -> None:
    async with receiving([ENDLESS]) as receiver, httpx2.AsyncClient(trust_env=False) as http:
        public = PublicHttp(http, LOOPBACK, timeout=5)
        assert (await public.post(receiver.url, b"{}", {})).succeeded


async def test_whoever_is_not_there_or_makes_no_sense_is_an_answer_too() -> None:
    async with open_public_http(LOOPBACK) as public:
        refused = await public.post(f"http://127.0.0.1:{free_port()}/", b"{}", {})
        assert refused.status is None
        assert "ConnectError" in (refused.error or "")
        unknown = await public.post("https://no-such-host.invalid/", b"{}", {})
        assert unknown.status is None
        assert unknown.error


def certified(name: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's TLS for this name, and a client's that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return _contexts(pem, private)


def _contexts(pem: bytes, private: bytes) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile() as chain:
        chain.write(pem + private)
        chain.flush()
        server.load_cert_chain(chain.name)
    return server, ssl.create_default_context(cadata=pem.decode())


@pytest.mark.parametrize(("host", "well"), [("shop.example", True), ("other.example", False)])
async def test_tls_is_about_the_name_though_an_address_is_connected_to(
    host: str, *, well: bool
) -> None:
    server, trusting = certified("shop.example")
    receiver = Receiver()
    await receiver.start(server)
    async with httpx2.AsyncClient(trust_env=False, verify=trusting) as http:
        public = PublicHttp(http, LOOPBACK, find=answering("127.0.0.1"))
        answer = await public.post(f"https://{host}:{receiver.port}/hooks", b"{}", {})
    assert answer.succeeded == well
    assert len(receiver.requests) == well
    assert receiver.server is not None
    receiver.server.close()


def test_networks_are_read_from_a_setting() -> None:
    expected: list[Network] = [ip_network("10.0.0.0/8"), ip_network("::1/128")]
    assert list(networks("10.0.0.0/8, ::1")) == expected
    with pytest.raises(ValueError, match="nonsense"):
        networks("nonsense")
