"""Data files as people have them, written by pyarrow and pandas, and their rows as Python reads them back.

    python3 make_data_files.py              # goldens/data-files
    python3 make_data_files.py --out FOLDER --seed 7 --rows 300

Prints one line of JSON: how many files there are.
"""

import argparse
import csv
import datetime
import gzip
import io
import json
import random
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from golden_files import GOLDENS, write_json

WORDS = ["why", "do", "cats", "purr", "é", "日本語", "🐈", 'said "yes"', "a,b", "semi;colon", "tab\there", "line\nend", "back\\slash", "'", "#", "  ", ""]


def sentence(random_: random.Random) -> str:
    return " ".join(random_.choice(WORDS) for _ in range(random_.randint(0, 9)))


def conversations(random_: random.Random, rows: int) -> list:
    """Messages with keys that only some have: Arrow writes nulls for the others."""
    result = []
    for index in range(rows):
        messages = [{"role": "user", "content": f"{index} {sentence(random_)}"}]
        if index % 3 == 0:
            call = {"type": "function", "function": {"name": "add", "arguments": json.dumps({"a": index})}}
            messages.append({"role": "assistant", "content": None, "tool_calls": [call]})
            messages.append({"role": "tool", "content": sentence(random_)})
        messages.append({"role": "assistant", "content": sentence(random_), "weight": index / 7})
        result.append(messages)
    return result


def table(random_: random.Random, rows: int) -> pa.Table:
    return pa.table(
        {
            "messages": conversations(random_, rows),
            "id": pa.array(range(rows), pa.int64()),
            "source": pa.array([random_.choice(["web", "book", None]) for _ in range(rows)]).dictionary_encode(),
            "tags": [[sentence(random_)] * (index % 3) if index % 4 else None for index in range(rows)],
            "large": pa.array([sentence(random_) * 12 for _ in range(rows)], pa.large_string()),
        }
    )


def pairs(random_: random.Random, rows: int) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "prompt": [f"{index} {sentence(random_)}" for index in range(rows)],
            "response": [sentence(random_) for _ in range(rows)],
        }
    )


def plain(value):
    """A value as JSON holds it: dates in ISO 8601, whole numbers beyond 2^53 as digits."""
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 2**53:
        return str(value)
    if isinstance(value, datetime.datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%S.") + f"{value.microsecond // 1000:03d}Z"
    if isinstance(value, datetime.date):
        return value.strftime("%Y-%m-%dT00:00:00.000Z")
    return value


def write_parquet(folder: Path, random_: random.Random, rows: int) -> None:
    chats = table(random_, rows)
    for codec in ["none", "snappy", "gzip", "zstd", "brotli", "lz4"]:
        pq.write_table(chats, folder / f"chats.{codec}.parquet", compression=codec, row_group_size=max(2, rows // 3))
    pq.write_table(chats, folder / "chats.plain.parquet", use_dictionary=False, data_page_version="2.0", data_page_size=256)
    pq.write_table(chats, folder / "chats.pages.parquet", write_page_index=True, data_page_size=512, row_group_size=rows)
    delta = {"prompt": "DELTA_BYTE_ARRAY", "response": "DELTA_LENGTH_BYTE_ARRAY"}
    frame = pairs(random_, rows)
    encoded = pa.Table.from_pandas(frame, preserve_index=False)
    pq.write_table(encoded, folder / "pairs.delta.parquet", use_dictionary=False, column_encoding=delta)
    frame["kind"] = pd.Categorical([random_.choice(["a", "b"]) for _ in range(rows)])
    frame["number"] = pd.array([random_.choice([1, 2**40, 2**60, -3, None]) for _ in range(rows)], dtype="Int64")
    frame["share"] = [random_.random() for _ in range(rows)]
    frame["good"] = [random_.choice([True, False]) for _ in range(rows)]
    frame["when"] = pd.to_datetime([f"2024-03-{1 + index % 28:02d}T12:30:15.250" for index in range(rows)])
    frame["day"] = [datetime.date(1969, 12, 1 + index % 28) for index in range(rows)]
    frame.index = frame.index + 5
    frame.to_parquet(folder / "pairs.pandas.parquet")
    empty = pa.table({"prompt": pa.array([], pa.string()), "response": pa.array([], pa.string())})
    pq.write_table(empty, folder / "empty.parquet")
    (folder / "chats.parquet.gz").write_bytes(gzip.compress((folder / "chats.snappy.parquet").read_bytes(), mtime=0))


def write_csv(folder: Path, random_: random.Random, rows: int) -> None:
    frame = pairs(random_, rows)
    frame.to_csv(folder / "pairs.csv", index=False)
    frame.to_csv(folder / "pairs.index.csv", index=True)
    frame.to_csv(folder / "pairs.all-quoted.csv", index=False, quoting=csv.QUOTE_ALL, lineterminator="\r\n", encoding="utf-8-sig")
    frame.to_csv(folder / "pairs.semicolon.csv", index=False, sep=";")
    frame.to_csv(folder / "pairs.tsv", index=False, sep="\t")
    frame.to_csv(folder / "pairs.csv.gz", index=False, compression={"method": "gzip", "mtime": 0})
    with pa.CompressedOutputStream(str(folder / "pairs.csv.zst"), "zstd") as file:
        file.write(frame.to_csv(index=False).encode())
    chats = pd.DataFrame({"messages": [json.dumps(messages) for messages in conversations(random_, rows)]})
    chats.to_csv(folder / "chats.csv", index=False)


def write_json_files(folder: Path, random_: random.Random, rows: int) -> None:
    frame = pd.DataFrame({"messages": conversations(random_, rows), "n": range(rows)})
    frame.to_json(folder / "chats.json", orient="records")
    frame.to_json(folder / "chats.indented.json", orient="records", indent=2, force_ascii=False)
    frame.to_json(folder / "chats.jsonl", orient="records", lines=True)
    frame.to_json(folder / "chats.jsonl.gz", orient="records", lines=True, compression={"method": "gzip", "mtime": 0})
    records = json.loads((folder / "chats.json").read_text())
    wrapped = json.dumps({"version": 1, "labels": ["x"], "data": records}, indent=1, ensure_ascii=False)
    (folder / "chats.wrapped.json").write_text(wrapped, encoding="utf-8")
    with pa.CompressedOutputStream(str(folder / "chats.json.zst"), "zstd") as file:
        file.write(wrapped.encode())


def rows_of(path: Path) -> list:
    """The rows as Python reads them back."""
    if ".parquet" in path.name:
        source = pa.BufferReader(gzip.decompress(path.read_bytes())) if path.suffix == ".gz" else path
        return plain(pq.read_table(source).to_pylist())
    data = path.read_bytes() if path.suffix not in (".gz", ".zst") else None
    if data is None:
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else pa.CompressedInputStream(str(path), "zstd").read()
    text = data.decode("utf-8-sig")
    if ".csv" in path.name or path.suffix == ".tsv":
        separator = "\t" if path.suffix == ".tsv" else ";" if "semicolon" in path.name else ","
        return list(csv.DictReader(io.StringIO(text, newline=""), delimiter=separator))
    if ".jsonl" in path.name:
        return [json.loads(line) for line in text.split("\n") if line.strip()]
    read = json.loads(text)
    return read["data"] if isinstance(read, dict) else read


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, default=GOLDENS / "data-files")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rows", type=int, default=8)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    random_ = random.Random(options.seed)
    for write in (write_parquet, write_csv, write_json_files):
        write(options.out, random_, options.rows)
    files = sorted(path for path in options.out.iterdir() if path.name != "expected.json")
    write_json(options.out / "expected.json", {path.name: rows_of(path) for path in files})
    print(json.dumps({"files": len(files)}))


if __name__ == "__main__":
    main()
