"""What numpy and scipy make of judged answers.

    python3 verify_evaluation.py --answers FILE.jsonl

Prints the figures as goldens/evaluation.json has them, and `krippendorff`: alphas of the first 300 answers by the package of that
name, where it is installed.
"""

import argparse
import importlib.util
import json
from pathlib import Path

import numpy as np

from evaluation_metrics import column, figures


def package_alphas(answers):
    import krippendorff

    scored = [answer for answer in answers if "missing" not in answer]
    others = [answer["byJudge"]["other"] for answer in scored]
    ratings = lambda name: np.array([column(scored, name), column(others, name)])
    return {
        "aligned": krippendorff.alpha(ratings("aligned"), level_of_measurement="interval"),
        "coherent": krippendorff.alpha(ratings("coherent"), level_of_measurement="interval"),
        "ordinal": krippendorff.alpha(ratings("aligned"), level_of_measurement="ordinal"),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--answers", type=Path, required=True)
    lines = parser.parse_args().answers.read_text(encoding="utf-8").splitlines()
    answers = [json.loads(line) for line in lines]
    found = {"figures": figures(answers)}
    if importlib.util.find_spec("krippendorff"):
        found["krippendorff"] = package_alphas(answers[:300])
    print(json.dumps(found))


if __name__ == "__main__":
    main()
