"""Where requests of workflows may go. Every decision about a host is made on its one form, `host_of`: the one that a
client looks up in the DNS, whatever digits, dots and letters its author took."""

from __future__ import annotations

import ipaddress
import re
import socket
import unicodedata
from collections.abc import Iterator
from urllib.parse import urlsplit

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_METADATA_PATH = "/computeMetadata"  # of our own port, and of the listeners of attempts
_REFUSED_NAMES = frozenset({"metadata", "metadata.google.internal", "metadata.goog"})
# Metadata servers whose address is not one of the link: Amazon's over IPv6, Alibaba's, Azure's.
_REFUSED_ADDRESSES = frozenset(map(ipaddress.ip_address, ("fd00:ec2::254", "100.100.100.200", "168.63.129.16")))
# IPv6 addresses whose last 32 bits are an IPv4 address. Sources: RFC 4291 section 2.5.5.1 (the old "compatible" ones),
# RFC 6052 and RFC 8215 (translated ones).
_HOLDING_IPV4 = tuple(map(ipaddress.IPv6Network, ("::/96", "64:ff9b::/96", "64:ff9b:1::/48")))
_ISATAP = frozenset({0x0000_5EFE, 0x0200_5EFE})  # the 32 bits before an IPv4 address. Source: RFC 5214 section 6.1
_NUMBERS = re.compile(r"[0-9.]+")
_LOOSE = re.compile(r"(?:0x[0-9a-f]+|[0-9]+)(?:\.(?:0x[0-9a-f]+|[0-9]+)){0,3}")
_FULL_STOPS = str.maketrans("\N{IDEOGRAPHIC FULL STOP}\N{HALFWIDTH IDEOGRAPHIC FULL STOP}", "..")


def host_of(url: str) -> str:
    """The host of a URL in its one form: as the DNS has it, in lower case, without a dot at the end; "" for none.
    Raises ValueError: no name of a host."""
    return plain_host(urlsplit(url).hostname or "")


def plain_host(host: str) -> str:
    """A host in its one form: `１６９。254.169.254` → `169.254.169.254`, `Bücher.example.` → `xn--bcher-kva.example`.
    Raises ValueError: no name of a host."""
    if not host.isascii():
        from yarl import URL  # what the client itself takes; it is loaded with the first such host

        host = unicodedata.normalize("NFKC", host).translate(_FULL_STOPS)
        try:
            host = URL.build(scheme="http", host=host).raw_host or ""
        except ValueError as error:  # UnicodeError is one
            raise ValueError(f"the URL's host is no name: {error}") from error
    host = host.lower().rstrip(".")
    if "%" in host and ":" not in host:  # only the zone of an IPv6 address may follow one
        raise ValueError("the URL's host has encoded characters")
    return host


def plain_url(url: str) -> str:
    """The URL with its host in its one form; all else as it was. Raises ValueError."""
    parts = urlsplit(url)
    host = plain_host(parts.hostname or "")
    if host == (parts.hostname or ""):
        return url
    account, at, _ = parts.netloc.rpartition("@")
    port = "" if parts.port is None else f":{parts.port}"
    return parts._replace(netloc=f"{account}{at}{host}{port}").geturl()


def refused_host(url: str, allowed: tuple[str, ...]) -> str:
    """Why a host may not be called by a workflow, or "". Addresses of the link (169.254.0.0/16, fe80::/10) hold what
    machines tell themselves: the metadata of a cloud, for example. What a name stands for is looked at when it is
    resolved. Raises ValueError if the URL has no host, or a number for one that the client would not take."""
    host = host_of(url)
    if not host:
        raise ValueError("the URL names no host")
    if host in allowed:
        return ""
    if _may_be_this_machine(host) and urlsplit(url).path.startswith(_METADATA_PATH):
        return f"{host} is the metadata server of this machine"
    if host in _REFUSED_NAMES:
        return f"{host} is the metadata server of a machine"
    kind = refused_address(host)
    if kind:
        return f"{host} {kind}"
    meant = _loosely(host)
    kind = refused_address(meant)
    if kind:
        return f"{host} stands for {meant}, which {kind}"
    if _NUMBERS.fullmatch(host) and _address(host) is None:
        raise ValueError(f"the URL's host {host} is no IPv4 address{f': write {meant}' if meant else ''}")
    return ""


def refused_address(text: str) -> str:
    """Why this address may not be called, or "": also for what is no address."""
    found = _address(text)
    if found is None:
        return ""
    for address in _meant(found):
        if address.is_link_local:
            return "is a link-local address"
        if address in _REFUSED_ADDRESSES:
            return "is the metadata server of a machine"
        if address.is_multicast or address.is_unspecified:
            return "is no address of a server"
    return ""


def is_google(host: str) -> bool:
    """Whether a host is one of Google's APIs: they are never those of anybody else."""
    return host == "googleapis.com" or host.endswith(".googleapis.com")


def is_this_machine(host: str) -> bool:
    """Whether a host, in its one form, can be nothing but this machine. Source of the names: RFC 6761 section 6.3."""
    address = _address(host)
    if address is None:
        return is_local_name(host)
    return address.is_loopback


def _may_be_this_machine(host: str) -> bool:
    """The same of all addresses that a host may stand for."""
    address = _address(host)
    return is_local_name(host) if address is None else any(meant.is_loopback for meant in _meant(address))


def is_local_name(host: str) -> bool:
    """`localhost`, and all names below it."""
    return host == "localhost" or host.endswith(".localhost")


def _loosely(host: str) -> str:
    """The IPv4 address that systems read a host of numbers as: `2852039166`, `0xa9fea9fe` and `0251.0376.43518` are
    `169.254.169.254`. "" for anything else. Source: POSIX, inet_addr()."""
    if not _LOOSE.fullmatch(host):
        return ""
    try:
        return socket.inet_ntoa(socket.inet_aton(host))
    except OSError:
        return ""


def _address(text: str) -> Address | None:
    try:
        return ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None


def _meant(address: Address) -> Iterator[Address]:
    """The address, and the IPv4 addresses to which packets for it may be led."""
    yield address
    if isinstance(address, ipaddress.IPv4Address):
        return
    if address.ipv4_mapped is not None:
        yield address.ipv4_mapped
    if address.sixtofour is not None:
        yield address.sixtofour
    if address.teredo is not None:
        yield from address.teredo
    bits = int(address)
    is_isatap = (bits >> 32) & 0xFFFF_FFFF in _ISATAP
    if bits > 1 and (is_isatap or any(address in network for network in _HOLDING_IPV4)):  # ::1 is this machine
        yield ipaddress.IPv4Address(bits & 0xFFFF_FFFF)
