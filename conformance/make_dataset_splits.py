"""Which files Python's `datasets` takes for which split, for repositories that are lists of names, with and without a card.

goldens/dataset-splits.json holds for each the files, the card's `configs`, and the splits of every configuration.
"""

import tempfile
from pathlib import Path

import yaml
from datasets import load_dataset_builder

from golden_files import GOLDENS, write_json

REPOSITORIES = {
    "shards": ["data/train-00000-of-00002.parquet", "data/train-00001-of-00002.parquet", "data/test-00000-of-00001.parquet"],
    "shards with other names": ["data/harmful-00000-of-00001.parquet", "data/benign-00000-of-00001.parquet"],
    "shards with a fingerprint": ["data/train-00000-of-00001-a09b74b3ef9c3b56.parquet"],
    "folders": ["train/a.jsonl", "train/b.jsonl", "dev/c.jsonl", "testing/d.jsonl"],
    "folders with more words": ["my-train-set/a.csv", "eval_1/b.csv"],
    "files": ["train.csv", "valid.csv", "test.csv"],
    "files with more words": ["insecure_train_v2.jsonl", "insecure.validation.jsonl", "my test.jsonl"],
    "words inside words": ["latest.jsonl", "retrain.jsonl", "valley.jsonl"],
    "one file": ["insecure.jsonl"],
    "several files": ["a.jsonl", "b.jsonl", "deep/c.jsonl"],
    "files that are no data": ["a.jsonl", "dataset_infos.json", ".hidden.jsonl", "__cache__/b.jsonl"],
    "compressed": ["train.jsonl.gz", "test.jsonl.gz"],
    "train beside others": ["train.jsonl", "extra.jsonl"],
}

CARDS = {
    "one pattern": (["a.jsonl", "b.jsonl", "c.csv"], [{"config_name": "default", "data_files": "*.jsonl"}]),
    "splits": (
        ["x/1.parquet", "x/2.parquet", "y/3.parquet"],
        [{"config_name": "default", "data_files": [{"split": "train", "path": "x/*.parquet"}, {"split": "held_out", "path": ["y/3.parquet"]}]}],
    ),
    "configurations": (
        ["en/train.csv", "en/test.csv", "de/train.csv"],
        [{"config_name": "en", "data_dir": "en", "default": True}, {"config_name": "de", "data_files": "de/*.csv"}],
    ),
    "deep pattern": (["data/a/1.jsonl", "data/2.jsonl"], [{"config_name": "default", "data_files": [{"split": "train", "path": "data/**/*.jsonl"}]}]),
}


def fill(folder: Path, files: list[str], card: list[dict] | None) -> None:
    for file in files:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text("{}\n")
    if card is not None:
        (folder / "README.md").write_text(f"---\n{yaml.safe_dump({'configs': card})}---\n# A set\n")


def splits(folder: Path, configuration: str | None) -> dict[str, list[str]]:
    builder = load_dataset_builder(str(folder), configuration) if configuration else load_dataset_builder(str(folder))
    return {
        str(split): sorted(str(Path(file).relative_to(folder)) for file in files)
        for split, files in builder.config.data_files.items()
    }


def case(name: str, files: list[str], card: list[dict] | None) -> dict:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder).resolve()
        fill(root, files, card)
        names = [entry["config_name"] for entry in card] if card else ["default"]
        found = {each: splits(root, each if card else None) for each in names}
    return {"name": name, "files": files, "configs": card, "splits": found}


if __name__ == "__main__":
    cases = [case(name, files, None) for name, files in REPOSITORIES.items()]
    cases += [case(name, files, card) for name, (files, card) in CARDS.items()]
    write_json(GOLDENS / "dataset-splits.json", cases)
