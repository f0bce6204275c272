"""A gRPC server of our own for tests, made of functions and of the types of Google's clients.

    methods = {"Publish": Method(answer=publish, asks=PublishRequest, gives=PublishResponse)}
    with running("google.pubsub.v1.Publisher", methods) as address:     # "127.0.0.1:40123"

A function says no by `context.abort`.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import grpc


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """One call of a service: what answers it, and the proto-plus types of request and answer."""

    answer: Callable[[Any, grpc.ServicerContext], Any]
    asks: Any
    gives: Any


@contextlib.contextmanager
def running(service: str, methods: Mapping[str, Method]) -> Iterator[str]:
    """The address of a server of this service, on a free port."""
    handlers = {
        name: grpc.unary_unary_rpc_method_handler(
            method.answer,
            request_deserializer=method.asks.deserialize,
            response_serializer=method.gives.serialize,
        )
        for name, method in methods.items()
    }
    with ThreadPoolExecutor(8) as threads:
        server = grpc.server(threads)
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        try:
            yield f"127.0.0.1:{port}"
        finally:
            server.stop(grace=0).wait()
