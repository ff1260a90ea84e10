"""The server at which a provider's model is asked: models at two servers are two models."""

from __future__ import annotations

import hashlib
import re
from urllib.parse import urlsplit

__all__ = ["at_endpoint"]

PUBLIC_ENDPOINTS = {
    "anthropic": "https://api.anthropic.com",
    "cerebras": "https://api.cerebras.ai/v1",
    "cohere": "https://api.cohere.com",
    "deepseek": "https://api.deepseek.com",
    "fireworks": "https://api.fireworks.ai/inference/v1",
    "github": "https://models.github.ai/inference",
    "google": "https://generativelanguage.googleapis.com",
    "groq": "https://api.groq.com",
    "mistral": "https://api.mistral.ai",
    "moonshotai": "https://api.moonshot.ai/v1",
    "nebius": "https://api.studio.nebius.com/v1",
    "ollama": "http://localhost:11434/v1",
    "openai": "https://api.openai.com/v1",
    "openai-chat": "https://api.openai.com/v1",
    "openai-responses": "https://api.openai.com/v1",
    "openrouter": "https://openrouter.ai/api/v1",
    "sambanova": "https://api.sambanova.ai/v1",
    "together": "https://api.together.xyz/v1",
    "vercel": "https://ai-gateway.vercel.sh/v1",
    "xai": "https://api.x.ai/v1",
    "zai": "https://api.z.ai/api/paas/v4",
}


def at_endpoint(name: str, url: str | None) -> str:
    """`openai:gpt-5.4-mini` at its provider's public endpoint, else `openai:qwen3 at http://localhost:8000/v1`.

    A user name or a query may select another model behind one address, and may be secret: of these stands a digest.
    A password selects nothing and is left out.
    """
    provider = name.partition(":")[0]
    if url is None or (endpoint := _canonical(url)) == PUBLIC_ENDPOINTS.get(provider):
        return name
    return f"{name} at {endpoint}"


def _canonical(url: str) -> str:
    parts = urlsplit(url)
    user, _, host = parts.netloc.rpartition("@")
    default_port = {"http": ":80", "https": ":443"}.get(parts.scheme, "")
    endpoint = f"{parts.scheme}://{host.lower().removesuffix(default_port)}{re.sub('/+$', '', parts.path)}"
    selecting = "?".join(part for part in (user.partition(":")[0], parts.query) if part)
    return f"{endpoint}#{hashlib.sha256(selecting.encode()).hexdigest()[:12]}" if selecting else endpoint
