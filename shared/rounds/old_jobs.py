"""Old jobs of backtests and the results in the bucket that belong to them.

A job is marked before its files go and deleted after them: a round that is killed in between is
finished by the next, and whoever asks for that job meanwhile begins it anew.
"""

from collections.abc import Iterator
from contextlib import suppress

from shared.core.errors import Conflict
from shared.rounds.keeping import JOBS, KEPT, protected_reports
from shared.stores.ports import Bucket, Document, DocumentStore, Write

RESULTS = "backtests"
OVER = frozenset({"done", "partial", "failed", "canceled"})
"""The statuses of a job on which nobody works any more; those of `models.jobs.records`."""


def remove_old_jobs(documents: DocumentStore, bucket: Bucket, *, before: int, batch: int) -> int:
    """Take at most `batch` away of the jobs that were over before (ms UTC); how many went.

    Open, protected ones and the newest stay.
    """
    newest = documents.query("jobs", field="created_at", op=">=", value=0, descending=True, limit=1)
    protected = {f"{JOBS}/{report['name']}" for report in protected_reports(documents)}
    stay = protected | {job.path for job in newest}
    count = 0
    for job in _old_jobs(documents, before, most=batch):
        if count >= batch:
            break
        if job.path in protected:
            _restore_job(documents, job)
        elif job.path not in stay and _is_over(job, before):
            count += _remove_job(documents, bucket, job)
    return count


def _old_jobs(documents: DocumentStore, before: int, *, most: int) -> Iterator[Document]:
    """Every job that was created before, page by page: what stays must not hide what goes."""
    since, seen = 0, set[str]()
    while True:
        page = documents.query(
            "jobs", field="created_at", op=">=", value=since, limit=most + len(seen)
        )
        fresh = [job for job in page if job.path not in seen and job.data["created_at"] < before]
        if not fresh:
            return
        yield from fresh
        last = fresh[-1].data["created_at"]
        of_that_time = {job.path for job in fresh if job.data["created_at"] == last}
        seen = of_that_time | (seen if last == since else set())
        since = last


def _is_over(job: Document, before: int) -> bool:
    updated_at = job.data.get("updated_at")
    return "removed_at" in job.data or (
        job.data.get("status") in OVER and isinstance(updated_at, int) and updated_at < before
    )


def _remove_job(documents: DocumentStore, bucket: Bucket, job: Document) -> int:
    """Mark it, take its files away, then itself; 0 where somebody has it again, or protects it."""
    name = job.path.partition("/")[2]
    if "removed_at" not in job.data:
        told = {"error": "its result was old and was taken away", "remedy": "send the job again"}
        marks = {"was": job.data["status"], "removed_at": job.data["updated_at"]}
        error = {**told, "field": "", "ours": False}
        data = {**job.data, **marks, "status": "failed", "failed_before": job.data.get("error")}
        try:
            job = documents.replace(job, {**data, "error": error})
        except Conflict:
            return 0
        if documents.get(f"{KEPT}/{name}") is not None:
            _restore_job(documents, job)
            return 0
    for key in bucket.keys(f"{RESULTS}/{name}/"):
        bucket.delete(key)
    stored = documents.get(job.path)
    if stored is None or stored.version != job.version:
        return 0
    documents.commit([Write(kind="delete", path=job.path)])
    return 1


def _restore_job(documents: DocumentStore, job: Document) -> None:
    """Take the mark back from a job that was protected while it was being marked."""
    if "removed_at" not in job.data:
        return
    data = dict(job.data)
    data["status"], data["error"] = data.pop("was"), data.pop("failed_before")
    del data["removed_at"]
    with suppress(Conflict):
        documents.replace(job, data)
