"""docker-compose.yml, without Docker: its commands, environment and configuration, as processes of this machine.

Only addresses are others: those of the store, the upstream, and the ports. The balancer is there if nginx is installed.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx2
import yaml

from hammerstone.server.controls import HEADER
from hammerstone.store.opening import database_url

from ..store.conftest import where as where  # in SQLite always, in PostgreSQL where there is one
from .fake_upstream import FakeUpstream
from .live import eventually, publish_sums, upstream_in_thread
from .sums import CHAT, adding, body

ROOT = Path(__file__).parents[2]
SERVICES: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
GATEWAYS = ("gateway-1", "gateway-2")
HAMMERSTONE = [sys.executable, "-m", "hammerstone"]
(WORKDIR,) = re.findall(r"^WORKDIR (\S+)$", (ROOT / "deploy/Dockerfile").read_text(), re.MULTILINE)


def interpolated(text: str, given: dict[str, str]) -> str:
    """As Compose does it: `${NAME}`, `${NAME:-default}`, `${NAME:?why}`."""
    return re.sub(
        r"\$\{(\w+)(?::([-?])([^}]*))?\}",
        lambda found: given[found[1]] if found[1] in given or found[2] == "?" else found[3] or "",
        text,
    )


@contextmanager
def running(command: list[str], environment: dict[str, str], folder: Path) -> Iterator[int]:
    """A gateway that starts in `folder`: its port."""
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, env=os.environ | environment, cwd=folder
    ) as process:
        assert process.stderr is not None
        lines = (re.search(r"serving: http://0\.0\.0\.0:(\d+)", line) for line in process.stderr)
        try:
            found = next(one for one in lines if one)
            drain = threading.Thread(target=process.stderr.read)
            drain.start()
            yield int(found[1])
        finally:
            process.terminate()
            process.wait()
        drain.join()


@contextmanager
def balanced(ports: dict[str, int], folder: Path) -> Iterator[list[str]]:
    """The URL of the balancer, or those of the gateways where there is no nginx."""
    nginx = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if nginx is None:
        yield [f"http://127.0.0.1:{port}" for port in ports.values()]
        return
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        own = free.getsockname()[1]
    (source,) = [one.split(":")[0] for one in SERVICES["balancer"]["volumes"]]
    configuration = (ROOT / source).read_text().replace("listen 8000;", f"listen 127.0.0.1:{own};")
    for name, port in ports.items():
        configuration = configuration.replace(f"{name}:8000", f"127.0.0.1:{port}")
    file = folder / "nginx.conf"
    file.write_text(configuration)
    command = [nginx, "-c", str(file), "-e", "stderr", "-g", f"daemon off; pid {folder}/nginx.pid;"]
    with subprocess.Popen(command) as process:
        try:
            eventually(lambda: is_open(own))
            yield [f"http://127.0.0.1:{own}"]
        finally:
            process.terminate()
            process.wait()


def is_open(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def test_two_gateways_answer_behind_the_balancer(where: str, tmp_path: Path) -> None:
    publish_sums(where)
    with ExitStack() as started:
        upstream = FakeUpstream(adding)
        given = {
            "POSTGRES_PASSWORD": "secret",
            "OPENAI_API_KEY": "the-upstreams-key",
            "UPSTREAM": started.enter_context(upstream_in_thread(upstream)),
        }
        environments = {
            name: {key: interpolated(text, given) for key, text in SERVICES[name]["environment"].items()}
            for name in GATEWAYS
        }
        for one in environments.values():
            assert database_url(one["HAMMERSTONE_HOME"]).host == "postgres"
            one["HAMMERSTONE_HOME"] = where
        make_key = [*HAMMERSTONE, "keys", "create", "web"]
        made = subprocess.run(
            make_key, env=os.environ | environments[GATEWAYS[0]], capture_output=True, text=True, check=True
        )
        headers = {"authorization": f"Bearer {made.stdout.strip()}"}
        ports: dict[str, int] = {}
        for name in GATEWAYS:
            command = [interpolated(word, given) for word in SERVICES[name]["command"]]
            command[command.index("--port") + 1] = "0"
            (settings,) = [one.split(":") for one in SERVICES[name]["volumes"]]
            assert settings[1] == f"{WORKDIR}/hammerstone.toml"
            shutil.copy(ROOT / settings[0], tmp_path)
            ports[name] = started.enter_context(running([*HAMMERSTONE, *command], environments[name], tmp_path))
            _, _, option, code = SERVICES[name]["healthcheck"]["test"]
            subprocess.run([sys.executable, option, code.replace(":8000", f":{ports[name]}")], check=True)
        urls = started.enter_context(balanced(ports, tmp_path))
        for number in range(8):
            url, question = urls[number % len(urls)], f"What is the sum of {number} and 4?"
            reply = httpx2.post(url + CHAT, json=body(question, stream=number > 4), headers=headers, timeout=60)
            assert (reply.status_code, reply.headers[HEADER + "route"]) == (200, "parser")
        assert httpx2.post(urls[0] + CHAT, json=body("?"), timeout=60).status_code == 401
        missed = httpx2.post(urls[0] + CHAT, json=body("?"), headers=headers, timeout=60)
        assert missed.headers[HEADER + "route"] == "upstream"
        assert upstream.seen[-1].header("authorization") == "Bearer the-upstreams-key"
        for port in ports.values():
            state = httpx2.get(f"http://127.0.0.1:{port}/readyz", headers=headers).json()
            assert state["status"] == "ready"


def test_the_image_has_what_it_copies_and_installs_extras_that_there_are() -> None:
    dockerfile = (ROOT / SERVICES["gateway-1"]["build"]["dockerfile"]).read_text()
    copied = [word for line in re.findall(r"^COPY (.*) \S+$", dockerfile, re.MULTILINE) for word in line.split()]
    assert copied
    assert [word for word in copied if not (ROOT / word).exists()] == []
    let_in = (ROOT / "deploy/Dockerfile.dockerignore").read_text()
    assert [word for word in copied if f"!{word}\n" not in let_in] == []
    (extras,) = re.findall(r'"\.\[(.*)\]"', dockerfile)
    project = (ROOT / "pyproject.toml").read_text()
    assert [one for one in extras.split(",") if not re.search(rf"^{one} = \[", project, re.MULTILINE)] == []
