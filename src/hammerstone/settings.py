"""Every number of hammerstone, with its source, as one tree of sections: the tables of `hammerstone.toml`.

`hammerstone.settings_file` reads the tree from TOML, whatever sections it has: a section is a frozen dataclass whose
fields have defaults, and a bound on a number stands in its field (`bounded`).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal, TypeVar

from hammerstone.types import Role

__all__ = [
    "ALLOWED_IMPORTS",
    "GATEWAY_AUDIT",
    "GATEWAY_SHADOW",
    "MAKER_TEMPERATURE",
    "USER_TEMPERATURE",
    "Approval",
    "BuildSettings",
    "ImproveSettings",
    "LifeSettings",
    "LogFormat",
    "LoopSettings",
    "Numbers",
    "RecipeChoice",
    "RoleSettings",
    "Roles",
    "SandboxSettings",
    "ServeSettings",
    "Settings",
    "StoreChoice",
    "WhoScrapes",
    "bounded",
]

MAKER_TEMPERATURE = 0.3  # LATM, section 4.1: "temperature of 0.3" for the maker
USER_TEMPERATURE = 0.0  # LATM, section 4.1: 0 for everything that is asked once

ALLOWED_IMPORTS = frozenset(
    """abc array base64 binascii bisect calendar cmath collections configparser contextlib copy csv dataclasses
    datetime decimal difflib enum fractions functools hashlib heapq html io ipaddress itertools json math numbers
    operator re statistics string struct textwrap types typing unicodedata urllib.parse uuid xml zoneinfo
    __future__""".split()
)
"""Modules and packages of the standard library that a tool may import. No `random`, no `time`, no `os`."""

RecipeChoice = Literal["module", "latm", "auto"]
Approval = Literal["auto", "manual"]
WhoScrapes = Literal["admin", "loopback"]
LogFormat = Literal["text", "json"]
StoreChoice = Literal["all", "none"]

T = TypeVar("T")


def bounded(default: T, *, least: float | None = None, most: float | None = None) -> T:
    """A dataclass field for a number that a settings file may set from `least` to `most`."""
    return field(default=default, metadata={"least": least, "most": most})


@dataclass(frozen=True, kw_only=True)
class RoleSettings:
    """The model that plays a role, and what one of its calls may cost.

    `model` is a name as `open_model` takes it, `base_url` the server to ask instead of the provider's own, and
    `api_key_env` the environment variable that holds its key. A reply ends at `max_tokens` output tokens, an attempt
    after `timeout_s` seconds (by default 300 for a provider, and never for a mailbox). A call is tried `attempts`
    times in all, and `requests_at_once` of them are under way at a time.
    """

    model: str | None = None
    base_url: str | None = None
    api_key_env: str | None = field(
        default=None, metadata={"pattern": r"[A-Za-z_]\w*", "words": "the name of an environment variable"}
    )
    max_tokens: int = bounded(16_384, least=1)
    timeout_s: float | None = bounded(None, least=0.001)
    attempts: int = bounded(5, least=1)
    requests_at_once: int = bounded(8, least=1)

    def played_by(self, model: str) -> RoleSettings:
        """The role with another model, without the server and the key of the former one."""
        if self.model in (None, model):
            return replace(self, model=model)
        return replace(self, model=model, base_url=None, api_key_env=None)


@dataclass(frozen=True, kw_only=True)
class Roles:
    """A user writes the arguments of one call and a dispatcher a name, so that their replies are short."""

    maker: RoleSettings = field(default_factory=RoleSettings)
    user: RoleSettings = field(default_factory=lambda: RoleSettings(max_tokens=1_024))
    dispatcher: RoleSettings = field(default_factory=lambda: RoleSettings(max_tokens=256))
    solver: RoleSettings = field(default_factory=RoleSettings)

    def of(self, role: Role) -> RoleSettings:
        return {
            Role.MAKER: self.maker,
            Role.USER: self.user,
            Role.DISPATCHER: self.dispatcher,
            Role.SOLVER: self.solver,
        }[role]


@dataclass(frozen=True, kw_only=True)
class Numbers:
    """Instances that a recipe shows to the maker, checks its code on, and holds back for the gate; and retries."""

    shown: int = bounded(8, least=1)
    verified: int = bounded(2, least=1)
    held_out: int = bounded(2, least=1)
    retries: int = bounded(3, least=0)

    @property
    def needed(self) -> int:
        return self.shown + self.verified + self.held_out


@dataclass(frozen=True, kw_only=True)
class BuildSettings:
    """How tools are built.

    `more` instances must come in after a failed build before the next. A parser may refuse the share `max_refused` of
    the instances and still go live; it may never be wrong. `demonstrations` is how many of its calls a tool keeps for
    the user. `imports` are the modules that generated code may import: `xml` allows all of a package, `urllib.parse`
    only that part.
    """

    recipe: RecipeChoice = "auto"
    more: int = bounded(4, least=1)
    max_refused: float = bounded(0.25, least=0.0, most=1.0)
    demonstrations: int = bounded(4, least=0)
    imports: frozenset[str] = ALLOWED_IMPORTS
    module: Numbers = field(default_factory=Numbers)
    # LATM, section 4.1: 3 training and 3 validation samples, at most 3 retries. The held-out gate is ours.
    latm: Numbers = field(default_factory=lambda: Numbers(shown=3, verified=3))

    @property
    def needed(self) -> int:
        """Instances before a build starts: those of the recipe that is tried first."""
        return self.numbers(self.recipe).needed

    def numbers(self, recipe: RecipeChoice) -> Numbers:
        """The numbers of a recipe; for `auto`, those of the recipe that is tried first."""
        return self.latm if recipe == "latm" else self.module


@dataclass(frozen=True, kw_only=True)
class ImproveSettings:
    """When a tool with a parser is rebuilt, from questions that it refused and that were answered since.

    The first such build needs `after` of them, and each later one `growth` times as many, at most `most`; 0 switches
    this off. The maker is shown at most `most_chars` characters of them. None follows `give_up` in a row that added
    nothing. For all builds of a task, the first and repairs included: at most `builds_per_day` start within 24 hours,
    and none once they have cost `max_usd`.
    """

    after: int = bounded(4, least=0)
    growth: float = bounded(2.0, least=1.0)
    most: int = bounded(64, least=1)
    most_chars: int = bounded(24_000, least=1_000)
    builds_per_day: int = bounded(8, least=1)
    max_usd: float | None = bounded(None, least=0.0)
    give_up: int = bounded(2, least=1)


GATEWAY_AUDIT = 0.05  # `audit` of a gateway, unless the settings say otherwise
GATEWAY_SHADOW = 20  # `shadow` of a gateway, unless the settings say otherwise; `learn` predicts it


@dataclass(frozen=True, kw_only=True)
class LifeSettings:
    """With the defaults, a tool that passed the gate serves at once and is never compared.

    `approval = "manual"` lets a tool that passed the gate wait for a person. A tool serves after it agreed with the
    upstream `shadow` times in a row. `audit` is the share of its requests that is compared at first; it falls to
    `audit_least` as the upper bound of its false-hit rate falls. A tool whose bound, which holds with probability
    `confidence` however often it is looked at, is above `max_false_hit_rate` serves nothing.
    """

    approval: Approval = "auto"
    shadow: int = bounded(0, least=0)
    audit: float = bounded(0.0, least=0.0, most=1.0)
    audit_least: float = bounded(0.005, least=0.0, most=1.0)
    max_false_hit_rate: float | None = bounded(None, least=0.0, most=1.0)
    confidence: float = bounded(0.95, least=0.5, most=0.9999)


@dataclass(frozen=True, kw_only=True)
class SandboxSettings:
    """What a tool may use for one answer: `answer_s` seconds of processor time, in whole ones as the kernel counts.

    A slower one would keep its clients waiting longer than the model does that it stands in for. It is judged by the
    same bound as it serves under.
    """

    answer_s: int = bounded(2, least=1, most=60)


@dataclass(frozen=True, kw_only=True)
class LoopSettings:
    """How a stream of requests is worked off.

    `concurrency` requests are under way at a time. `background` lets builds run beside the stream; without it a
    request that completes a task waits for its tool, which makes a replayed stream repeat exactly.
    """

    concurrency: int = bounded(8, least=1)
    background: bool = True


@dataclass(frozen=True, kw_only=True)
class ServeSettings:
    """Settings of the gateway.

    Requests that no tool answers go to `upstream`, an OpenAI-compatible server, and those of Anthropic's API to
    `anthropic_upstream`, with the client's own key or, if `api_key_env` or `anthropic_api_key_env` names a variable,
    with the gateway's.
    With `audit_with_client_keys`, tools are audited by further calls with the clients' own keys, too. With `share`,
    equal requests at the same moment share one call.
    The upstream has `timeout_s` seconds for each part of a reply. A body may have `max_body_mb` megabytes. When it is
    told to stop, the gateway goes on letting clients in for `drain_s` seconds.
    A request at a temperature above `max_temperature` wants varied answers, so no tool answers it.
    Answers to the very same request at temperature 0 are kept for `exact_ttl_s` seconds in `exact_mb` megabytes for
    all tenants together; 0 switches this off. In the budgets of keys, a call whose price is unknown counts as
    `unknown_price_usd`.
    Where there are keys, `metrics` are shown to admin keys, or to whoever is on this machine (`loopback`), too; with
    `tenant_metrics` they are told apart by tenant. Each request is a line of `log`, with what was asked if
    `log_questions` is set.

    What is older than `keep_days` days is removed. `mask` names patterns, and functions as `module:function`, that take
    something out of each text before it is stored. With `store = "none"` no text is stored, and nothing learned.
    """

    upstream: str | None = None
    anthropic_upstream: str | None = None
    api_key_env: str | None = field(
        default=None, metadata={"pattern": r"[A-Za-z_]\w*", "words": "the name of an environment variable"}
    )
    anthropic_api_key_env: str | None = field(
        default=None, metadata={"pattern": r"[A-Za-z_]\w*", "words": "the name of an environment variable"}
    )
    audit_with_client_keys: bool = False
    share: bool = False
    host: str = "127.0.0.1"
    port: int = bounded(8000, least=0, most=65_535)
    timeout_s: float = bounded(600.0, least=0.1)
    max_body_mb: float = bounded(32.0, least=0.001)
    drain_s: float = bounded(1.0, least=0.0)
    max_temperature: float = bounded(1.0, least=0.0)
    exact_ttl_s: float = bounded(3_600.0, least=0.0)
    exact_mb: float = bounded(64.0, least=0.0)
    unknown_price_usd: float = bounded(0.1, least=0.0)
    metrics: WhoScrapes = "admin"
    tenant_metrics: bool = False
    log: LogFormat = "text"
    log_questions: bool = False
    keep_days: int | None = bounded(None, least=1)
    mask: frozenset[str] | None = field(
        default=None, metadata={"one": True, "words": "a list of names, or one: patterns, or module:function"}
    )
    store: StoreChoice = "all"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All settings, by section."""

    roles: Roles = field(default_factory=Roles)
    build: BuildSettings = field(default_factory=BuildSettings)
    improve: ImproveSettings = field(default_factory=ImproveSettings)
    life: LifeSettings = field(default_factory=LifeSettings)
    sandbox: SandboxSettings = field(default_factory=SandboxSettings)
    loop: LoopSettings = field(default_factory=LoopSettings)
    serve: ServeSettings = field(default_factory=ServeSettings)
