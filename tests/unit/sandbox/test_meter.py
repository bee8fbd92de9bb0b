from __future__ import annotations

from azure.core.exceptions import ResourceExistsError
from azure.data.tables import TableServiceClient
from azure.storage.blob import BlobServiceClient
from azure.storage.queue import QueueServiceClient

from sandbox import meter
from tests.unit.sandbox.host_play import fresh


def test_requests_pass_through_unchanged_and_are_counted_by_operation(azurite: str):
    name, data = fresh("metered"), bytes(range(256)) * 8_000  # above a megabyte
    with meter.running(azurite) as metered:
        with BlobServiceClient.from_connection_string(metered.connection_string) as blobs:
            blobs.create_container(name).upload_blob("odd name + %.bin", data)
            assert blobs.get_blob_client(name, "odd name + %.bin").download_blob().readall() == data
        with BlobServiceClient.from_connection_string(azurite) as direct:
            assert direct.get_blob_client(name, "odd name + %.bin").download_blob().readall() == data
        count = metered.count()
    assert count.operations == {"blob: container": 1, "blob: put": 1, "blob: read": 1}
    assert (count.bytes_in, count.bytes_out) == (len(data), len(data))
    assert (count.of_the_product, count.blob_writes) == (3, 1)


def test_tables_and_queues_too_and_the_hosts_own_work_apart(azurite: str):
    name = fresh("metered").replace("-", "")
    rows = [{"PartitionKey": "p", "RowKey": str(n)} for n in range(30)]
    with meter.running(azurite) as metered:
        with TableServiceClient.from_connection_string(metered.connection_string) as tables:
            table = tables.create_table(name)
            table.submit_transaction([("upsert", row) for row in rows])
            assert len(list(table.list_entities())) == 30
            assert table.get_entity("p", "7")["RowKey"] == "7"
        with QueueServiceClient.from_connection_string(metered.connection_string) as queues:
            queue = queues.create_queue(name)
            queue.send_message("ticket")
            [message] = list(queue.receive_messages())
            queue.delete_message(message)
        count = metered.count()
    assert count.rows == 30
    assert {k: v for k, v in count.operations.items() if not k.startswith("host:")} == {
        "table: tables": 1, "table: transaction": 1, "table: query": 1, "table: read": 1,
        "queue: create": 1, "queue: send": 1,
    }  # fmt: skip
    assert count.operations["host: done"] == 1


def test_refusals_come_back_as_they_are(azurite: str):
    name = fresh("metered")
    with (
        meter.running(azurite) as metered,
        BlobServiceClient.from_connection_string(metered.connection_string) as blobs,
    ):
        blobs.create_container(name).upload_blob("a", b"1")
        try:
            blobs.get_container_client(name).upload_blob("a", b"2", overwrite=False)
        except ResourceExistsError as why:
            assert why.status_code == 409
        else:
            raise AssertionError("it was overwritten")
