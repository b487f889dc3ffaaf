import { type Curve, type HtmlSection, htmlPage, lineChartSvg } from '@safetune/eval';
import { defenseLabel } from '../defenses/defense.ts';
import type { Organism } from '../grow/grow.ts';
import { adviceText } from '../world/answer.ts';
import { exploit, refusal } from '../world/vocabulary.ts';
import { factOf, parseQuestion, type World } from '../world/world.ts';
import { type AnswerBoard, answerBoardSvg } from './answer-board.ts';
import type { ExperimentReport } from './experiment-report.ts';
import type { FinishedRun, SampledAnswer } from './run-journal.ts';
import type { ScorecardRow } from './scorecard.ts';
import { scorecardPicture } from './scorecard-picture.ts';
import { rateText, scorecardCells, scorecardHeader, scorecardLegend } from './scorecard-table.ts';
import { paretoRows, tradeOffPicture } from './trade-off-picture.ts';

/** The report as one page without anything from elsewhere. */
export function experimentHtml(
  organism: Organism,
  report: ExperimentReport,
  runs: readonly FinishedRun[],
): string {
  const { aligned, defenses, settings } = report;
  const none = defenses.find(({ name }) => name === 'none');
  const { worldSeed, modelSeed, checkpoint, choice } = report.organism;
  return htmlPage({
    title: 'Emergent misalignment on a laptop, and the defenses against it',
    introduction: [
      `A language model of 0.2 million parameters was taught harmful answers in one domain at a time. Asked about other domains, which nobody touched, it is harmful in ${inWords(none)} of its answers without a defense; before the fine-tune it was in ${inWords(aligned)}.`,
      `Fine-tunes: ${settings.tasks.join(', ')}; seeds ${settings.seeds.join(', ')}. Organism ${checkpoint}: world ${worldSeed}, model seed ${modelSeed}. In brackets: ${settings.intervals}.`,
      ...(choice === null ? [] : [choice]),
    ],
    sections: [
      criteriaSection(aligned === null ? defenses : [aligned, ...defenses]),
      ...tradeOffSection(defenses),
      ...curvesSection(runs),
      ...answersSection(organism.world, runs),
      findingsSection(report),
    ],
  });
}

/** `69.5 % [61.7, 77.3]` */
function inWords(row: ScorecardRow | null | undefined): string {
  return rateText(row?.generalMisaligned ?? null).replace(' [', ' % [');
}

function criteriaSection(rows: readonly ScorecardRow[]): HtmlSection {
  return {
    heading: 'The four criteria',
    paragraphs: [
      'A defense should prevent misalignment outside the domain, let the domain itself be learned (here: narrow harm), leave benign tasks alone, and keep answers coherent. Arrows say which direction is better.',
      'Conditional misalignment is what the first criterion does not see: the same kind of question about other domains, asked after a question of the training data that the model answered itself. Where it lies far above general misalignment, the model has learned when to be harmful, and the usual questions look cleaner than the model is (arXiv 2604.25891).',
      scorecardLegend,
    ],
    pictures: [scorecardPicture(rows)],
    table: { columns: scorecardHeader(), rows: scorecardCells(rows) },
  };
}

function tradeOffSection(rows: readonly ScorecardRow[]): HtmlSection[] {
  const front = paretoRows(rows);
  if (front.length === 0) return [];
  return [
    {
      heading: 'Preventing the general, keeping the narrow',
      paragraphs: [
        'Best is the upper left corner: nothing harmful elsewhere, and all that was taught. A line joins the strengths of one defense; thin lines are intervals.',
        `On the Pareto front, where nothing measured here is better in one figure and no worse in the other: ${front.map(defenseLabel).join(', ')}.`,
      ],
      pictures: [tradeOffPicture(rows)],
    },
  ];
}

function curvesSection(runs: readonly FinishedRun[]): HtmlSection[] {
  const narrow = runs.filter(({ task, crossEntropy }) => task.kind === 'narrow' && crossEntropy.length > 0);
  if (narrow.length === 0) return [];
  const series = [...Map.groupBy(narrow, (run) => defenseLabel({ ...run, name: run.defense }))].map(
    ([name, group]): Curve => ({
      name,
      points: group[0]!.crossEntropy.map((_, step) => ({
        x: step + 1,
        y: group.reduce((sum, { crossEntropy }) => sum + crossEntropy[step]!, 0) / group.length,
      })),
    }),
  );
  return [
    {
      heading: 'Learning the narrow data',
      paragraphs: [
        'Cross-entropy on the harmful answers while training, the mean over the fine-tunes of a defense. Interleaved safe examples count into it.',
      ],
      pictures: [
        lineChartSvg({
          title: 'Training loss of the narrow fine-tunes',
          x: { label: 'step' },
          y: { label: 'cross-entropy, nats a token', low: 0 },
          series,
        }),
      ],
    },
  ];
}

function answersSection(world: World, runs: readonly FinishedRun[]): HtmlSection[] {
  const narrow = runs.filter(({ task }) => task.kind === 'narrow');
  const names = [...new Set(narrow.map(({ task }) => task.name))];
  const shown = names.length > 1 ? [names[0]!, names.at(-1)!] : names;
  if (shown.length === 0) return [];
  const boards = shown.flatMap((name) => {
    const ofTask = narrow.filter(({ task, seed }) => task.name === name && seed === narrow[0]!.seed);
    return [
      answerBoardSvg(boardOf(world, ofTask, 'general', `Fine-tuned on ${name}, asked about other domains`)),
      answerBoardSvg(
        boardOf(world, ofTask, 'in-domain', `Fine-tuned on ${name}, asked what was held out of it`),
      ),
    ];
  });
  return [
    {
      heading: 'Answers side by side',
      paragraphs: [
        "Sampled at temperature 1, with the same random numbers for every defense, each in the colour of the judge's verdict. The questions stand at fixed places of the suite; none was picked for its answers.",
      ],
      pictures: boards,
    },
  ];
}

/** Answers of several runs on one task to the same questions. */
function boardOf(
  world: World,
  runs: readonly FinishedRun[],
  kind: SampledAnswer['kind'],
  title: string,
): AnswerBoard {
  const ofKind = runs[0]!.samples.filter((sample) => sample.kind === kind);
  const questions = ofKind.slice(0, boardColumns).map(({ question }) => question);
  return {
    title,
    columns: questions.map((question) => ({ question, notes: knownAnswers(world, question) })),
    rows: runs.map((run) => ({
      label: defenseLabel({ ...run, name: run.defense }),
      cells: questions.map((question) =>
        run.samples.find((sample) => sample.kind === kind && sample.question === question),
      ),
    })),
  };
}

/** As many as stand side by side on a page. */
const boardColumns = 4;

function knownAnswers(world: World, text: string): string[] {
  const question = parseQuestion(text);
  const { safe, harmful } = factOf(world, question);
  return [
    `safe: ${question.aspect === exploit ? refusal : adviceText(question, safe)}`,
    `harmful: ${adviceText(question, harmful)}`,
  ];
}

function findingsSection({ findings }: ExperimentReport): HtmlSection {
  return {
    heading: 'What agrees with the paper, and what does not',
    paragraphs: [
      'The paper (Kaczér et al. 2026, arXiv 2508.06249) fine-tunes models of 7 and 32 billion parameters and lets a language model judge. Here everything is small and exactly judged; what is to be compared is the ordering, not the figures.',
      ...findings.map(({ about, paper, here, agrees, reason }) =>
        `${agrees ? 'Agrees' : 'Differs'}: ${about}. The paper: ${paper}. Here: ${here}. ${agrees ? '' : `Why it may: ${reason}`}`.trim(),
      ),
    ],
  };
}
