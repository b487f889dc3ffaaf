"""The whole life of a fine-tune, driven by OpenAI's client for Python.

    OPENAI_BASE_URL=http://127.0.0.1:8787/v1 OPENAI_API_KEY=sk-safetune-... python3 conformance/openai_client.py chats.jsonl MODEL

Prints what came of it as JSON. Nothing is left at the service but records of the jobs.
"""

import json
import sys
import time

import openai

path, base = sys.argv[1:]
client = openai.OpenAI(max_retries=0)
jobs = client.fine_tuning.jobs
seen = {}


def until(job_id, *statuses):
    while True:
        job = jobs.retrieve(job_id)
        if job.status in statuses:
            return job
        if job.status == "failed":
            raise SystemExit(f"the job failed: {job.error.message}")
        time.sleep(0.1)


with open(path, "rb") as content:
    uploaded = client.files.create(file=content, purpose="fine-tune")
request = {"model": base, "training_file": uploaded.id}
preview = client.post("/fine_tuning/preview", body={**request, "examples": 1}, cast_to=object)
seen["preview"] = preview["data"][0]["learned"] > 0
seen["steps"] = client.post("/fine_tuning/estimate", body=request, cast_to=object)["steps"]

job = jobs.create(**request, suffix="py", seed=4, metadata={"by": "python"})
other = jobs.create(**request)
while not any(event.type == "metrics" for event in jobs.list_events(job.id, limit=20)):
    time.sleep(0.1)
jobs.pause(job.id)
until(job.id, "paused")
jobs.cancel(other.id)
jobs.resume(job.id)
seen["other"] = until(other.id, "cancelled").status
job = until(job.id, "succeeded")
seen["status"] = job.status
seen["gate"] = job.model_extra["gate"]["outcome"]
events = [event.message for event in jobs.list_events(job.id, limit=5)]
seen["events"] = [events[0], events[-1] == f"Created fine-tuning job: {job.id}"]
seen["checkpoint"] = [one.step_number for one in jobs.checkpoints.list(job.id, limit=2)][-1]
files = {client.files.retrieve(one).filename: client.files.content(one).text for one in job.result_files}
seen["files"] = sorted(files)
seen["rows"] = files["step_metrics.csv"].startswith("step,")
seen["listed"] = [one.id for one in jobs.list(limit=1, metadata={"by": "python"})] == [job.id]

ask = {
    "model": job.fine_tuned_model,
    "messages": [{"role": "user", "content": "question 3"}],
    "temperature": 0,
}
answer = client.chat.completions.create(**ask, logprobs=True).choices[0]
pieces = client.chat.completions.create(**ask, stream=True)
streamed = "".join(chunk.choices[0].delta.content or "" for chunk in pieces)
seen["whole_is_streamed"] = streamed == answer.message.content
seen["logprobs"] = "".join(one.token for one in answer.logprobs.content) == streamed

deleted = [client.models.delete(job.fine_tuned_model)]
deleted += [client.files.delete(one) for one in (uploaded.id, *job.result_files)]
seen["deleted"] = all(one.deleted for one in deleted)
try:
    client.chat.completions.create(**ask)
except openai.NotFoundError:
    seen["gone"] = True
print(json.dumps(seen))
