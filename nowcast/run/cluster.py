"""Work on a dask cluster: one that is there, by its address, or processes of this machine.

Dask sends what is computed within to the newest client, so that no room below knows of it.
"""

from __future__ import annotations

import contextlib
import logging
import re
import threading
from collections.abc import Iterator
from typing import Any

from nowcast.errors import InputError, MachineError
from nowcast.progress import tell

__all__ = ["on_cluster"]

CONNECT_SECONDS = 20
DESERTED_SECONDS = 30
"""A cluster without a single worker for so long is given up."""

_LOCAL = re.compile(r"local(?::([1-9]\d*))?")
_ADDRESS = re.compile(r"(tcp|tls|ws|wss)://\S+")


@contextlib.contextmanager
def on_cluster(address: str | None) -> Iterator[int]:
    """Within it, dask computes on the cluster; gives the number of its workers, 0 for None: then nothing is changed.

    Parameters
    ----------
    address
        `tcp://host:port` of a scheduler; `local` or `local:4` for processes of this machine, which end with it.

    Raises
    ------
    InputError
        No address.
    MachineError
        Nobody answers; the package is lacking; all workers are gone, or a task kills one after another.
    """
    if address is None:
        yield 0
        return
    local = _LOCAL.fullmatch(address)
    if local is None and _ADDRESS.fullmatch(address) is None:
        raise InputError(f"--dask {address!r} is no cluster", needed="tcp://host:port, local or local:4")
    try:
        import distributed
    except ImportError as error:
        raise MachineError(
            "--dask needs the package distributed", next_step="pip install 'nowcast[cluster]'"
        ) from error
    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # it speaks of every worker that comes and goes
    with contextlib.ExitStack() as held:
        client = _client(distributed, address, int(local[1] or 0) if local else None, held)
        workers = client.scheduler_info(n_workers=-1)["workers"]
        memory = sum(each["memory_limit"] for each in workers.values())
        tell(f"cluster  {address}: {len(workers)} worker(s), {memory / 1e9:.1f} GB")
        watch = held.enter_context(_Watch(client))
        try:
            yield len(workers)
        except (distributed.KilledWorker, distributed.client.FutureCancelledError) as error:
            raise MachineError(
                f"--dask {address}: " + ("all workers are gone" if watch.deserted else "a task killed its workers"),
                found=str(error).splitlines()[0][:200],
                next_step="workers with more memory, smaller --chunks, or without --dask",
            ) from error


def _client(distributed: Any, address: str, processes: int | None, held: contextlib.ExitStack) -> Any:
    if processes is not None:
        cluster = held.enter_context(
            distributed.LocalCluster(
                n_workers=processes or None,
                threads_per_worker=1,
                processes=True,
                dashboard_address=None,
                silence_logs=logging.CRITICAL,
            )
        )
        return held.enter_context(distributed.Client(cluster))
    try:
        client = held.enter_context(distributed.Client(address, timeout=CONNECT_SECONDS))
        client.wait_for_workers(1, timeout=CONNECT_SECONDS)
    except (OSError, TimeoutError) as error:
        raise MachineError(
            f"--dask {address}: no worker answers",
            found=str(error).splitlines()[0][:200],
            next_step="dask scheduler, and dask worker ADDRESS, start them; or --dask local",
        ) from error
    return client


class _Watch:
    """Ends what is being computed when no worker is left to do it: dask would wait for ever."""

    def __init__(self, client: Any) -> None:
        self.deserted = False
        self._client, self._over = client, threading.Event()
        self._thread = threading.Thread(target=self._look, name="nowcast-cluster", daemon=True)

    def __enter__(self) -> _Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        missing = 0
        while not self._over.wait(1):
            there = self._client.scheduler_info(n_workers=-1)["workers"]
            missing = 0 if there else missing + 1
            if missing >= DESERTED_SECONDS:
                self.deserted = True
                self._client.close()
                return
