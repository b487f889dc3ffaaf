"""A file of TensorBoard's events as TensorBoard's own package writes it: goldens/tensorboard.tfevents.

A version, the beginning of a session at step 3, and the scalars of two steps, each event at 1,700,000,000.5 seconds.
"""

from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

from golden_files import GOLDENS

TIME = 1_700_000_000.5
STEPS = {3: {"loss/total": 2.5, "penalty/kl/value": 0.1}, 4: {"loss/total": -1e-8, "Ärger/名": 3e38}}


def scalars(values: dict[str, float]) -> Summary:
    return Summary(value=[Summary.Value(tag=tag, simple_value=value) for tag, value in values.items()])


def events() -> list[Event]:
    return [
        Event(wall_time=TIME, file_version="brain.Event:2"),
        Event(wall_time=TIME, step=3, session_log=SessionLog(status=SessionLog.START)),
        *(Event(wall_time=TIME, step=step, summary=scalars(values)) for step, values in STEPS.items()),
    ]


if __name__ == "__main__":
    target = GOLDENS / "tensorboard.tfevents"
    temporary = target.with_suffix(".partial")
    with open(temporary, "wb") as file:
        writer = RecordWriter(file)
        for event in events():
            writer.write(event.SerializeToString())
    temporary.replace(target)
