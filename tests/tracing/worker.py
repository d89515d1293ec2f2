"""A worker with Temporal's own OpenTelemetry interceptor: its spans go where OTEL_EXPORTER_OTLP_ENDPOINT says."""

import asyncio
import sys

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from temporalio import workflow
from temporalio.client import Client
from temporalio.contrib.opentelemetry import TracingInterceptor
from temporalio.worker import Worker


@workflow.defn(name="Traced")
class Traced:
    def __init__(self) -> None:
        self.paid = 0

    @workflow.run
    async def run(self) -> int:
        await workflow.wait_condition(lambda: self.paid == 2)
        return self.paid

    @workflow.signal
    def payment_received(self, payment: str) -> None:
        self.paid += 1


async def main(address: str, queue: str) -> None:
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(), schedule_delay_millis=50))
    trace.set_tracer_provider(provider)
    client = await Client.connect(address, interceptors=[TracingInterceptor()])
    async with Worker(client, task_queue=queue, workflows=[Traced]):
        print("working", flush=True)
        # Ends with whoever started it.
        await asyncio.to_thread(sys.stdin.read)


# The SDK's sandbox reads this file again, under another name.
if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2]))
