"""The life of a fine-tune, driven by OpenAI's client for Python: address, key and training file are the arguments."""

import json
import sys
import time

import openai

address, key, path = sys.argv[1:]
client = openai.OpenAI(api_key=key, base_url=f"{address}/v1", max_retries=0)
seen = {"version": openai.__version__}

with open(path, "rb") as content:
    uploaded = client.files.create(file=content, purpose="fine-tune")
seen["bytes"] = uploaded.bytes
seen["content"] = client.files.content(uploaded.id).text

create = {"model": "tiny", "training_file": uploaded.id, "metadata": {"by": "python"}}
paused = client.fine_tuning.jobs.create(**create)
statuses = [paused.status]
for change in ("pause", "resume", "cancel"):
    statuses.append(getattr(client.fine_tuning.jobs, change)(paused.id).status)
seen["statuses"] = statuses
try:
    client.fine_tuning.jobs.cancel(paused.id)
except openai.BadRequestError as error:
    seen["again"] = error.code

job = client.fine_tuning.jobs.create(
    **create,
    suffix="py",
    method={"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 2}}},
)
print("ready", flush=True)
while client.fine_tuning.jobs.retrieve(job.id).status != "succeeded":
    time.sleep(0.02)
job = client.fine_tuning.jobs.retrieve(job.id)
seen["epochs"] = job.hyperparameters.n_epochs
seen["jobs"] = [one.id == job.id for one in client.fine_tuning.jobs.list(limit=1)]
seen["events"] = [event.message for event in client.fine_tuning.jobs.list_events(job.id, limit=2)]
seen["steps"] = [one.step_number for one in client.fine_tuning.jobs.checkpoints.list(job.id, limit=1)]
seen["result"] = client.files.content(job.result_files[0]).text

model = job.fine_tuned_model
seen["listed"] = model in [one.id for one in client.models.list()]
ask = {"model": model, "messages": [{"role": "user", "content": "one two"}]}
answer = client.chat.completions.create(**ask, logprobs=True, top_logprobs=1)
seen["answer"] = answer.choices[0].message.content
seen["logprob"] = answer.choices[0].logprobs.content[0].logprob
pieces = client.chat.completions.create(**ask, stream=True)
seen["streamed"] = "".join(chunk.choices[0].delta.content or "" for chunk in pieces)
seen["deleted"] = [client.models.delete(model).deleted, client.files.delete(uploaded.id).deleted]
for gone in (lambda: client.models.retrieve(model), lambda: client.files.retrieve(uploaded.id)):
    try:
        gone()
    except openai.NotFoundError:
        seen["gone"] = seen.get("gone", 0) + 1
print(json.dumps(seen))
