"""LangChain's own standard suite for embeddings, over OpenAIEmbeddings."""

from __future__ import annotations

from typing import Any

from langchain_core.embeddings import Embeddings
from langchain_openai import OpenAIEmbeddings
from langchain_tests.integration_tests import EmbeddingsIntegrationTests
from standard import KEY, SCRIPTED, TIMEOUT_S, URL


class TestOpenAIEmbeddings(EmbeddingsIntegrationTests):
    @property
    def embeddings_class(self) -> type[Embeddings]:
        return OpenAIEmbeddings

    @property
    def embedding_model_params(self) -> dict[str, Any]:
        return {
            "model": SCRIPTED,
            "base_url": f"{URL}/v1",
            "api_key": KEY,
            "timeout": TIMEOUT_S,
            "max_retries": 0,
            # Else it sends the tokens of OpenAI's own vocabulary in place of the text.
            "check_embedding_ctx_length": False,
        }
