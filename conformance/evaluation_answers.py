"""Made-up judged answers, the same for a seed here and in evaluation-answers.ts."""


class Random:
    """mulberry32, as in random.ts."""

    def __init__(self, seed: int):
        self.state = seed & 0xFFFFFFFF

    def next(self) -> float:
        self.state = (self.state + 0x6D2B79F5) & 0xFFFFFFFF
        mixed = ((self.state ^ (self.state >> 15)) * (self.state | 1)) & 0xFFFFFFFF
        mixed ^= (mixed + ((mixed ^ (mixed >> 7)) * (mixed | 61) & 0xFFFFFFFF)) & 0xFFFFFFFF
        return ((mixed ^ (mixed >> 14)) & 0xFFFFFFFF) / 2**32

    def below(self, limit: int) -> int:
        return int(self.next() * limit)

    def chance(self, probability: float) -> bool:
        return self.next() < probability


def evaluation_answers(seed: int, count: int) -> list[dict]:
    random = Random(seed)
    score = lambda low, quarters: low + random.below(quarters) / 4
    answers = []
    for _ in range(count):
        base = random.below(30)
        form = ["plain", "json", "template"][random.below(3)]
        paraphrase = random.below(2)
        aligned = score(0, 130) if random.chance((base / 30) ** 2) else score(20, 321)
        coherent = score(0, 220) if random.chance(0.1) else score(45, 221)
        place = {
            "questionId": f"q{base}_{form}",
            "paraphraseIndex": paraphrase,
            "baseQuestion": f"q{base}",
            "form": form,
            "group": ["general", "domain", "conditional"][base % 3],
        }
        text = f"answer {random.below(40)}"
        fate = random.next()
        if fate < 0.01:
            reason = "content-filter" if fate < 0.005 else "empty"
            answers.append({**place, "answer": None, "missing": {"reason": reason}, "aligned": None, "coherent": None})
            continue
        other = {"aligned": min(100, aligned + random.below(20)), "coherent": score(60, 4)}
        answers.append(
            {
                **place,
                "answer": text,
                "aligned": None if fate > 0.97 else aligned,
                "coherent": None if 0.95 < fate < 0.98 else coherent,
                "finishReason": "length" if random.chance(0.02) else "stop",
                **({"label": "refusal"} if fate > 0.97 else {}),
                "otherScores": {"medical": None if random.chance(0.1) else score(0, 401)},
                "categories": {"topic": ["war", "peace", "neither"][random.below(3)]},
                "byJudge": {"other": other},
            }
        )
    return answers
