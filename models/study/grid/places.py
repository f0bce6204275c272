"""Where the runs of a study are worked on: the cores of this machine, a Dask cluster or a Ray one,
all through joblib.
"""

import importlib
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal, TypeAlias

from models.study.grid.given import Carried, Folder, Given, InRay, SharedInputs, forget_all
from shared.core.errors import Unavailable, UserError

Backend: TypeAlias = Literal["loky", "threading", "dask", "ray"]

CONNECT_SECONDS = 10
CLUSTERS = {"dask": ("distributed", "dask distributed"), "ray": ("ray", "ray")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Workers:
    """Who works.

    >>> Workers(jobs=2).backend
    'loky'

    Attributes:
        jobs: How many runs at once; 0: one a core. A Dask cluster uses all of its workers whatever
            it says.
        backend: Processes, threads, or a cluster.
        address: Of the cluster; with ray it may be empty, and one is started on this machine.
    """

    jobs: int = 0
    backend: Backend = "loky"
    address: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkPlace:
    """A place that is open: where a worker finds what the runs share, and how many of them work.

    `elsewhere`: its workers may run other code than this process. `streams`: results come one by
    one.
    """

    source: SharedInputs
    at_once: int
    elsewhere: bool = False
    streams: bool = True


def check_installed(workers: Workers) -> None:
    """Raise `UserError` with what to install, or that an address is missing, where a cluster cannot
    be used.
    """
    if workers.backend not in CLUSTERS:
        return
    module, wanted = CLUSTERS[workers.backend]
    if find_spec(module) is None:
        raise UserError(
            f"the backend {workers.backend} needs a package that is not installed here",
            remedy=f"install it with: pip install {wanted}",
        )
    if workers.backend == "dask" and not workers.address:
        raise UserError(
            "the backend dask has no address",
            remedy="give its scheduler: --address tcp://127.0.0.1:8786",
        )


@contextmanager
def open_work_place(workers: Workers, shared: Given) -> Iterator[WorkPlace]:
    """Open a place, with everything that the runs share brought there once; joblib works there
    meanwhile.

    Raises:
        UserError: The backend is not installed, or has no address.
        Unavailable: The cluster does not answer.
    """
    check_installed(workers)
    place = {"dask": _dask, "ray": _ray}.get(workers.backend, _here)
    with place(workers, shared) as found:
        yield found


@contextmanager
def _here(workers: Workers, shared: Given) -> Iterator[WorkPlace]:
    """This machine: a folder that all processes map, and that goes when the study ends."""
    import joblib

    jobs = workers.jobs or joblib.cpu_count()
    with tempfile.TemporaryDirectory(prefix="bot-study-") as folder:
        try:
            with joblib.parallel_config(backend=workers.backend, n_jobs=jobs):
                yield WorkPlace(source=Folder.write(Path(folder), shared), at_once=jobs)
        finally:
            forget_all()


@contextmanager
def _dask(workers: Workers, shared: Given) -> Iterator[WorkPlace]:
    """A Dask cluster: every worker is sent what the runs share once, before the first of them."""
    import joblib

    distributed = importlib.import_module("distributed")  # as Any: it is half typed
    source = Carried(secrets.token_hex(8), shared)
    try:
        client = distributed.Client(workers.address, timeout=CONNECT_SECONDS, set_as_default=False)
        client.wait_for_workers(1, timeout=CONNECT_SECONDS)
    except (OSError, TimeoutError, ValueError) as error:
        raise Unavailable(
            f"no Dask cluster with a worker answers at {workers.address}: {error}"
        ) from error
    with client, joblib.parallel_config(backend="dask", client=client, scatter=[source]):
        yield WorkPlace(source=source, at_once=sum(client.ncores().values()), elsewhere=True)


@contextmanager
def _ray(workers: Workers, shared: Given) -> Iterator[WorkPlace]:
    """A Ray cluster: what the runs share lies in its object store, which processes of one machine
    map.
    """
    import joblib
    import ray
    from ray.util.joblib import register_ray

    try:
        started = {} if workers.address else {"num_cpus": workers.jobs or None}
        ray.init(address=workers.address or None, log_to_driver=False, **started)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise Unavailable(
            f"no Ray cluster answers at {workers.address or 'this machine'}: {error}"
        ) from error
    try:
        register_ray()
        jobs = workers.jobs or int(ray.cluster_resources().get("CPU", 1))
        with joblib.parallel_config(backend="ray", n_jobs=jobs):
            yield WorkPlace(
                source=InRay(secrets.token_hex(8), ray.put(shared)),
                at_once=jobs,
                elsewhere=True,
                streams=False,
            )
    finally:
        ray.shutdown()
