"""Every way to speak to anyone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hammerstone.sandbox.conformance.attack import Attack, Outside

if TYPE_CHECKING:
    from hammerstone.types import JSON

__all__ = ["ATTACKS"]


def _listeners(outside: Outside) -> dict[str, JSON]:
    return {
        "tcp": outside.tcp.getsockname()[1],
        "udp": outside.udp.getsockname()[1],
        "unix": outside.unix.getsockname(),
        "abstract": outside.abstract_name,
    }


def _attack(name: str, description: str, deed: str) -> Attack:
    program = f"import socket\ndef attack(tcp, udp, unix, abstract):\n    {deed}\n    return 'escaped'\n"
    return Attack(name=name, description=description, arguments=_listeners, program=program)


ATTACKS = (
    _attack(
        "connect_by_tcp",
        "connect to a port that listens on this host",
        "socket.create_connection(('127.0.0.1', tcp), timeout=0.5)",
    ),
    _attack(
        "send_by_udp",
        "send a datagram to a port of this host",
        "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', udp))",
    ),
    _attack(
        "connect_by_unix_socket",
        "connect to a socket in the file system",
        "socket.socket(socket.AF_UNIX).connect(unix)",
    ),
    _attack(
        "connect_by_abstract_socket",
        "connect to a socket that has no file",
        "socket.socket(socket.AF_UNIX).connect('\\0' + abstract)",
    ),
    _attack(
        "listen_on_a_port",
        "wait for connections from outside",
        "socket.create_server(('127.0.0.1', 0))",
    ),
    _attack(
        "open_a_netlink_socket",
        "ask the kernel about the network",
        "socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)",
    ),
    _attack(
        "open_a_raw_socket",
        "forge packets",
        "socket.socket(socket.AF_PACKET, socket.SOCK_RAW)",
    ),
    _attack(
        "open_a_virtual_machine_socket",
        "speak to the hypervisor",
        "socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM)",
    ),
    _attack(
        "look_up_a_name",
        "ask the domain name system, which carries messages out",
        "socket.getaddrinfo('example.com', 80, type=socket.SOCK_STREAM)",
    ),
    _attack(
        "make_a_pair_of_sockets",
        "make a socket that could receive descriptors",
        "socket.socketpair()",
    ),
)
