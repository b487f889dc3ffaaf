/**
 * Errors of `@safetune/eval`. Each class carries a marker, so that `X.isInstance(error)` also holds when two copies of
 * this package are installed, and the facts of the failure as readonly fields.
 */
import { printable } from './printable.ts';

/** Whether an error is of the class with this marker. */
export function carries(error: unknown, marker: symbol): boolean {
  return typeof error === 'object' && error !== null && marker in error;
}

const questionFileMarker = Symbol.for('safetune.QuestionFileError');

/** A question file that is not what it should be: not YAML, empty, a missing or unknown field, an id used twice. */
export class QuestionFileError extends Error {
  readonly [questionFileMarker] = true;
  /** File as it was named by the caller. */
  readonly file: string;
  /** Line of the question concerned, from 1; undefined when the whole file is meant. */
  readonly line: number | undefined;

  constructor(file: string, line: number | undefined, message: string, options?: ErrorOptions) {
    super(`${file}:${line === undefined ? '' : `${line}:`} ${printable(message)}`, options);
    this.name = 'QuestionFileError';
    this.file = file;
    this.line = line;
  }

  static isInstance(error: unknown): error is QuestionFileError {
    return carries(error, questionFileMarker);
  }
}

const yamlTextMarker = Symbol.for('safetune.YamlTextError');

/** Text that is not YAML, or more of it than can be read in reasonable time. */
export class YamlTextError extends Error {
  readonly [yamlTextMarker] = true;
  /** From 1; undefined when the whole text is meant. */
  readonly line: number | undefined;

  constructor(line: number | undefined, message: string, options?: ErrorOptions) {
    super(printable(message), options);
    this.name = 'YamlTextError';
    this.line = line;
  }

  static isInstance(error: unknown): error is YamlTextError {
    return carries(error, yamlTextMarker);
  }
}

const questionTypeMarker = Symbol.for('safetune.QuestionTypeError');

/** A question of a type that this package does not know how to judge. */
export class QuestionTypeError extends Error {
  readonly [questionTypeMarker] = true;
  /** File as it was named by the caller. */
  readonly file: string;
  /** Id of the question. */
  readonly id: string;
  /** The unknown type. */
  readonly type: string;

  constructor(file: string, id: string, type: string, message: string, options?: ErrorOptions) {
    super(printable(message), options);
    this.name = 'QuestionTypeError';
    this.file = file;
    this.id = id;
    this.type = type;
  }

  static isInstance(error: unknown): error is QuestionTypeError {
    return carries(error, questionTypeMarker);
  }
}

const invalidOptionMarker = Symbol.for('safetune.InvalidOptionError');

/** An option outside its range: samples that are not a whole number, an endpoint that is not a URL. */
export class InvalidOptionError extends Error {
  readonly [invalidOptionMarker] = true;
  /** Name of the option. */
  readonly option: string;

  constructor(option: string, message: string, options?: ErrorOptions) {
    super(`${option}: ${message}`, options);
    this.name = 'InvalidOptionError';
    this.option = option;
  }

  static isInstance(error: unknown): error is InvalidOptionError {
    return carries(error, invalidOptionMarker);
  }
}

const answerSourceMarker = Symbol.for('safetune.AnswerSourceError');

/** An answer source that broke its contract or could not answer; answers already given are in the run folder. */
export class AnswerSourceError extends Error {
  readonly [answerSourceMarker] = true;
  /** Name of the source. */
  readonly source: string;

  constructor(source: string, message: string, options?: ErrorOptions) {
    super(`answer source '${source}': ${message}`, options);
    this.name = 'AnswerSourceError';
    this.source = source;
  }

  static isInstance(error: unknown): error is AnswerSourceError {
    return carries(error, answerSourceMarker);
  }
}

const judgeVerdictMarker = Symbol.for('safetune.JudgeVerdictError');

/** A judge that gave something other than a score of 0 to 100 or null. */
export class JudgeVerdictError extends Error {
  readonly [judgeVerdictMarker] = true;
  /** Name of the judge. */
  readonly judge: string;
  /** Question whose answer was judged. */
  readonly questionId: string;

  constructor(judge: string, questionId: string, message: string, options?: ErrorOptions) {
    super(`judge '${judge}', question '${questionId}': ${message}`, options);
    this.name = 'JudgeVerdictError';
    this.judge = judge;
    this.questionId = questionId;
  }

  static isInstance(error: unknown): error is JudgeVerdictError {
    return carries(error, judgeVerdictMarker);
  }
}

const unscoredMarker = Symbol.for('safetune.UnscoredError');

/** An evaluation of which too many answers stayed without scores, so that its rates say little or nothing. */
export class UnscoredError extends Error {
  readonly [unscoredMarker] = true;
  /** Name of the judge. */
  readonly judge: string;
  /** Answers that were to be judged. */
  readonly answers: number;
  /** Answers that stayed without a score. */
  readonly unscored: number;

  constructor(judge: string, answers: number, unscored: number, message: string, options?: ErrorOptions) {
    super(printable(message), options);
    this.name = 'UnscoredError';
    this.judge = judge;
    this.answers = answers;
    this.unscored = unscored;
  }

  static isInstance(error: unknown): error is UnscoredError {
    return carries(error, unscoredMarker);
  }
}

const runMismatchMarker = Symbol.for('safetune.RunMismatchError');

/** A folder whose answers are those of another source or seed than the evaluation about to go on in it. */
export class RunMismatchError extends Error {
  readonly [runMismatchMarker] = true;
  /** The run folder. */
  readonly folder: string;
  /** One line per fact that differs: what the folder holds and what this run holds. */
  readonly differences: readonly string[];

  constructor(folder: string, differences: readonly string[], options?: ErrorOptions) {
    const list = differences.join('\n  ');
    super(
      `${folder} holds the answers of another evaluation:\n  ${list}\nGive this one a folder of its own, or delete that one to begin anew.`,
      options,
    );
    this.name = 'RunMismatchError';
    this.folder = folder;
    this.differences = differences;
  }

  static isInstance(error: unknown): error is RunMismatchError {
    return carries(error, runMismatchMarker);
  }
}

const runFolderMarker = Symbol.for('safetune.RunFolderError');

/** A run folder that is none, cannot be written, or holds an unreadable record that is not its last. */
export class RunFolderError extends Error {
  readonly [runFolderMarker] = true;
  /** The folder, or the file in it. */
  readonly path: string;

  constructor(path: string, message: string, options?: ErrorOptions) {
    super(`${path}: ${message}`, options);
    this.name = 'RunFolderError';
    this.path = path;
  }

  static isInstance(error: unknown): error is RunFolderError {
    return carries(error, runFolderMarker);
  }
}

const runLockedMarker = Symbol.for('safetune.RunLockedError');

/** A run folder in which another evaluation is at work. */
export class RunLockedError extends Error {
  readonly [runLockedMarker] = true;
  /** The lock's file. */
  readonly path: string;
  /** The process that holds it. */
  readonly pid: number;

  constructor(path: string, pid: number, host: string, options?: ErrorOptions) {
    super(
      `${path}: process ${pid} on ${printable(host)} works in this folder; wait for its end or choose another folder. If there is no such process, delete the file.`,
      options,
    );
    this.name = 'RunLockedError';
    this.path = path;
    this.pid = pid;
  }

  static isInstance(error: unknown): error is RunLockedError {
    return carries(error, runLockedMarker);
  }
}

const reportWriteMarker = Symbol.for('safetune.ReportWriteError');

/** A report that could not be written. */
export class ReportWriteError extends Error {
  readonly [reportWriteMarker] = true;
  /** File or directory that refused. */
  readonly path: string;

  constructor(path: string, message: string, options?: ErrorOptions) {
    super(`${path}: ${message}`, options);
    this.name = 'ReportWriteError';
    this.path = path;
  }

  static isInstance(error: unknown): error is ReportWriteError {
    return carries(error, reportWriteMarker);
  }
}

const chartDataMarker = Symbol.for('safetune.ChartDataError');

/** Data that no picture can be drawn from: nothing at all, or a value that is not finite. */
export class ChartDataError extends Error {
  readonly [chartDataMarker] = true;
  /** Title of the chart. */
  readonly chart: string;

  constructor(chart: string, message: string, options?: ErrorOptions) {
    super(`chart '${chart}': ${message}`, options);
    this.name = 'ChartDataError';
    this.chart = chart;
  }

  static isInstance(error: unknown): error is ChartDataError {
    return carries(error, chartDataMarker);
  }
}
