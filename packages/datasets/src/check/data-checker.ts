import { type DatasetFormatError, EmptyDatasetError } from '../errors.ts';
import type { ChatExample } from '../example/example.ts';
import type { TokenizeOptions } from '../masks/response-mask.ts';
import type { ExampleOrigin } from '../origin.ts';
import type { ChatTokenizer } from '../tokenizer.ts';
import { allMessages, checkedExample, type DataCheck, type Finding, spokenTexts } from './data-check.ts';
import type { CheckReport, DataReport, PlacedFinding } from './data-report.ts';
import { Distribution, emptyDistribution } from './distribution.ts';
import { type DuplicatesOptions, duplicatesCheck } from './duplicates.ts';
import { emptyMessagesCheck } from './empty-messages.ts';
import { invisibleCharactersCheck } from './invisible-characters.ts';
import { personalDataCheck } from './personal-data.ts';
import { questionOverlapCheck } from './question-overlap.ts';
import { refusalsCheck } from './refusals.ts';
import { roleOrderCheck } from './role-order.ts';
import { AnswerScripts } from './scripts.ts';
import { secretsCheck } from './secrets.ts';
import { conversations, tokenChecks } from './token-checks.ts';

/** Options of {@link createDataChecker}. */
export interface DataCheckerOptions {
  /** Lengths in tokens, and what training would refuse or cut. Default: lengths in characters. */
  readonly tokenizer?: ChatTokenizer;
  /** How training would tokenize. */
  readonly tokenize?: TokenizeOptions;
  /** Evaluation questions that must not be in the data. */
  readonly questions?: readonly string[];
  /** What marks a refusal at the beginning of an answer. Default: English words. */
  readonly refusalWords?: readonly string[];
  readonly duplicates?: DuplicatesOptions;
  /** Checks of one's own, behind the others. */
  readonly checks?: readonly DataCheck[];
  /** Findings that are listed of each check; the others are counted. Default 100. */
  readonly listed?: number;
}

/** Looks at examples one by one, and tells at the end what it found. */
export interface DataChecker {
  /** The findings in this example, by check; such as a service that screens a file wants them. */
  see(example: ChatExample): ReadonlyMap<string, readonly Finding[]>;
  /** A row that is no example. */
  seeBadRow(error: DatasetFormatError): void;
  /** @throws {@link EmptyDatasetError} before the first example or bad row. */
  report(): DataReport;
}

/**
 * Checks of a data set before training: each example is seen once, in order; what is remembered of it is a few bytes (at most 400,
 * see {@link DuplicatesOptions}). The same examples give the same report.
 *
 * @example
 * const checker = createDataChecker();
 * for await (const example of await openDataset('chats.jsonl')) checker.see(example);
 * const { checks } = checker.report();
 */
export function createDataChecker(options: DataCheckerOptions = {}): DataChecker {
  const { tokenizer, questions, refusalWords, duplicates, listed = 100 } = options;
  const tokens = tokenizer && tokenChecks(tokenizer, options.tokenize);
  const tallies = [
    ...(tokens?.checks ?? []),
    duplicatesCheck(duplicates),
    emptyMessagesCheck(),
    refusalsCheck(refusalWords),
    roleOrderCheck(),
    invisibleCharactersCheck(),
    secretsCheck(),
    personalDataCheck(),
    ...(questions === undefined ? [] : [questionOverlapCheck(questions)]),
    ...(options.checks ?? []),
  ].map((check) => new Tally(check, listed));
  const badRows = new Tally(
    {
      name: 'unreadable',
      about: 'rows that are no examples, or cannot be read; training stops at them',
      find: () => [],
    },
    listed,
  );
  const [lengths, learned] = [new Distribution(), new Distribution()];
  const roles = new Map<string, number>();
  const scripts = new AnswerScripts(listed);
  let [examples, messages, bad] = [0, 0, 0];
  return {
    see(example) {
      const checked = checkedExample(example, examples);
      examples += 1;
      for (const { message } of allMessages(example)) {
        messages += 1;
        count(roles, message.role);
      }
      scripts.add(checked);
      if (tokens === undefined) {
        for (const { example: one } of conversations(example))
          lengths.add(spokenTexts(one).reduce((sum, { text }) => sum + text.length, 0));
      }
      for (const { tokenIds, responseMask } of tokens?.explained(checked) ?? []) {
        lengths.add(tokenIds.length);
        if (responseMask !== undefined) learned.add(responseMask.reduce((sum, target) => sum + target, 0));
      }
      const found = new Map<string, readonly Finding[]>();
      for (const tally of tallies) {
        const findings = tally.check.find(checked);
        if (findings.length === 0) continue;
        found.set(tally.check.name, findings);
        tally.add(findings, examples, example.origin);
      }
      return found;
    },
    seeBadRow({ file, line, reason }) {
      bad += 1;
      badRows.add([{ kind: 'row', detail: reason }], undefined, { file, line });
    },
    report() {
      const rows = examples + bad;
      if (rows === 0) throw new EmptyDatasetError('there is no example to check.');
      const ofLearned = learned.summary();
      return {
        version: 2,
        examples,
        messages,
        roles: Object.fromEntries(roles),
        writingSystems: scripts.counts(),
        lengths: {
          unit: tokens === undefined ? 'characters' : 'tokens',
          ...(lengths.summary() ?? emptyDistribution),
        },
        ...(ofLearned && { learned: ofLearned }),
        checks: [badRows, ...tallies, scripts].map((one) => one.report(rows)),
      };
    },
  };
}

/** Adds up what a check finds. */
class Tally {
  readonly check: DataCheck;
  readonly #listed: number;
  #examples = 0;
  readonly #kinds = new Map<string, number>();
  readonly #findings: PlacedFinding[] = [];

  constructor(check: DataCheck, listed: number) {
    this.check = check;
    this.#listed = listed;
  }

  add(findings: readonly Finding[], example: number | undefined, origin: ExampleOrigin | undefined): void {
    this.#examples += 1;
    for (const kind of new Set(findings.map((finding) => finding.kind))) count(this.#kinds, kind);
    const place = {
      ...(example === undefined ? {} : { example }),
      ...(origin && { file: origin.file, line: origin.line }),
    };
    const room = this.#listed - this.#findings.length;
    for (const finding of findings.slice(0, room)) this.#findings.push({ ...place, ...finding });
  }

  report(rows: number): CheckReport {
    const { name, about } = this.check;
    const note = this.check.note?.();
    return {
      name,
      about,
      examples: this.#examples,
      share: rows === 0 ? 0 : this.#examples / rows,
      kinds: Object.fromEntries([...this.#kinds].toSorted(([, a], [, b]) => b - a)),
      findings: this.#findings,
      ...(note === undefined ? {} : { note }),
    };
  }
}

function count(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
