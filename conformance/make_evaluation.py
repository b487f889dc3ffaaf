"""The figures of 10,000 made-up judged answers, by numpy and scipy: goldens/evaluation.json."""

from evaluation_answers import evaluation_answers
from evaluation_metrics import figures
from golden_files import GOLDENS, write_json

SEED, COUNT = 1, 10_000


def main() -> None:
    write_json(GOLDENS / "evaluation.json", {"seed": SEED, "count": COUNT, "figures": figures(evaluation_answers(SEED, COUNT))})


if __name__ == "__main__":
    main()
