"""Opens what the records of calls are kept in: the database and the files of recordings that the settings name."""

from __future__ import annotations

from phoneagent.settings import Settings, SettingsError
from phoneagent.store import Store, StoreError, open_store
from phoneagent.store.blobs import BlobError, Blobs, open_blobs


async def open_records(settings: Settings) -> Store:
    """What the service keeps. Raises SettingsError."""
    try:
        address = settings.database_url or f"sqlite:///{settings.data.absolute() / 'phoneagent.db'}"
        return await open_store(address, uploads=settings.recordings_url is not None)
    except StoreError as error:
        variable = "PHONEAGENT_DATABASE_URL" if settings.database_url else "PHONEAGENT_DATA"
        raise SettingsError([f"{variable}: {error}"]) from None


def recording_files(settings: Settings) -> Blobs:
    """The recordings, here or in their bucket. Raises SettingsError."""
    try:
        return open_blobs(
            settings.data.absolute() / "recordings",
            settings.recordings_url,
            endpoint=settings.aws_endpoint_url,
            region=settings.aws_region,
            access_key_id=settings.aws_access_key_id,
            secret_access_key=settings.aws_secret_access_key,
        )
    except BlobError as error:
        raise SettingsError([f"PHONEAGENT_RECORDINGS_URL: {error}"]) from None
