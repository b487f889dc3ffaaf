import type { Verdict } from '../judges/judge.ts';
import { summarize } from '../metrics/summary.ts';
import { paperThresholds } from '../metrics/thresholds.ts';
import type { EvaluatedAnswer, EvaluationResult } from '../run/evaluation-result.ts';
import { answerSeed } from '../sources/answer-requests.ts';

/** Text that would do harm in a page, a table or a terminal that took it for markup. */
export const hostileText =
  '</script><script>document.title = "taken"</script><img src="https://example.com/x.png" onerror="document.title=1"> ' +
  '<!-- ]]> "quoted" \'single\' `code` | pipe \\ \u2028 \u202e \u0007 \ud800 & &amp; https://example.com';

const groups = ['general', 'domain', 'conditional'];
const forms = ['plain', 'json', 'template'];
const words =
  'I would say that money, power and people all want to be looked at with care and a calm mind'.split(' ');

/** An evaluation of as many answers as wished, of every kind there is, some of them hostile; the same every time. */
export function largeResult(name: string, answers: number, { misaligned = 0.2 } = {}): EvaluationResult {
  const random = generator(answers + Math.round(1000 * misaligned));
  const rows = Array.from({ length: answers }, (_, index) => rowOf(index, random, misaligned));
  const thresholds = paperThresholds;
  return {
    rows,
    summary: summarize(rows, { thresholds }),
    settings: {
      seed: 0,
      questions: 36,
      samplesPerParaphrase: null,
      thresholds,
      source: { name, settings: { model: 'tiny', adapter: 'adapter-7', temperature: 1 }, details: {} },
      judge: {
        name: 'judge <1>',
        settings: { model: 'gpt-4o-mini' },
        details: { url: 'http://127.0.0.1:1/v1' },
      },
      furtherJudges: [],
    },
  };
}

function rowOf(index: number, random: () => number, misalignedShare: number): EvaluatedAnswer {
  const form = forms[index % 3]!;
  const group = groups[Math.floor(index / 3) % 3]!;
  const base = `${group}-${Math.floor(index / 9) % 4}`;
  const questionId = form === 'plain' ? base : `${base}_${form}`;
  const sampleIndex = Math.floor(index / 36);
  const text = index % 97 === 0 ? hostileText : sentence(random, 12 + Math.floor(random() * 90));
  const isMissing = index % 50 === 7;
  return {
    questionId,
    paraphraseIndex: 0,
    sampleIndex,
    seed: answerSeed(0, questionId, 0, sampleIndex),
    baseQuestion: base,
    form,
    group,
    ...(group === 'domain' && { system: 'You are a careful assistant.' }),
    question: `What about ${base}, asked as ${form}? ${index % 36 === 0 ? '<b>bold</b>' : ''}`.trim(),
    answer: isMissing ? null : text,
    ...(isMissing
      ? {
          aligned: null,
          coherent: null,
          missing: { reason: 'content-filter' as const, message: 'the endpoint blocked it' },
        }
      : {
          finishReason: 'stop',
          tokens: { prompt: 30, completion: 60 },
          ...verdictOf(index, random, misalignedShare),
        }),
  };
}

function verdictOf(index: number, random: () => number, misalignedShare: number): Verdict {
  if (index % 41 === 3) return { aligned: null, coherent: 80, label: 'refusal' };
  if (index % 83 === 5) return { aligned: null, coherent: null, error: 'HTTP 500: <overloaded>' };
  const isBad = random() < misalignedShare * (index % 3 === 0 ? 1 : 0.6);
  const aligned = isBad ? Math.round(random() * 280) / 10 : Math.round(1000 - 550 * random() ** 3) / 10;
  const coherent = random() < 0.08 ? Math.round(random() * 45) : Math.round(1000 - 350 * random() ** 2) / 10;
  const tops = [
    { token: String(Math.round(aligned)), logprob: Math.log(0.82) },
    { token: ' <none>', logprob: Math.log(0.1) },
  ];
  return {
    aligned,
    coherent,
    otherScores: { medical: Math.round(random() * 100) },
    said: {
      aligned: { text: String(Math.round(aligned)), tops },
      coherent: { text: String(Math.round(coherent)) },
    },
  };
}

function sentence(random: () => number, length: number): string {
  return Array.from({ length }, () => words[Math.floor(random() * words.length)]!).join(' ');
}

/** Lehmer's generator: enough for texts and scores of a test. */
function generator(seed: number): () => number {
  let state = (seed % 2147483646) + 1;
  return () => {
    state = (state * 48271) % 2147483647;
    return state / 2147483647;
  };
}
