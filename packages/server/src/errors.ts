const apiMarker = Symbol.for('safetune.ApiError');

/** What a client did wrong, or may not do, in the form in which OpenAI's API says it. */
export class ApiError extends Error {
  readonly [apiMarker] = true;
  /** The HTTP status. */
  readonly status: number;
  /** Such as `invalid_request_error`, `not_found_error`. */
  readonly type: string;
  /** Such as `model_not_found`; null where the type says all. */
  readonly code: string | null;
  /** The field or parameter that is at fault, such as `hyperparameters.n_epochs`; null for none. */
  readonly param: string | null;
  /** Seconds after which the same may succeed, for the header `Retry-After`; null where trying again is of no use. */
  readonly retryAfter: number | null;

  constructor(
    status: number,
    message: string,
    {
      type = typeOfStatus(status),
      code = null,
      param = null,
      retryAfter = null,
      cause,
    }: {
      readonly type?: string;
      readonly code?: string | null;
      readonly param?: string | null;
      readonly retryAfter?: number | null;
      /** What the log alone is told. */
      readonly cause?: unknown;
    } = {},
  ) {
    super(message, cause === undefined ? {} : { cause });
    this.name = 'ApiError';
    this.status = status;
    this.type = type;
    this.code = code;
    this.param = param;
    this.retryAfter = retryAfter;
  }

  static isInstance(error: unknown): error is ApiError {
    return typeof error === 'object' && error !== null && apiMarker in error;
  }
}

function typeOfStatus(status: number): string {
  if (status === 401) return 'authentication_error';
  if (status === 403) return 'permission_error';
  if (status === 404) return 'not_found_error';
  if (status === 429) return 'rate_limit_error';
  return status >= 500 ? 'server_error' : 'invalid_request_error';
}

/**
 * A base model or a fine-tune that cannot be loaded. Without `retryAfter`: clients would wait so long before they tell anybody, and a
 * model does not mend itself.
 */
export function modelUnavailable(cause?: unknown): ApiError {
  return new ApiError(
    503,
    "the model cannot be loaded; this is the service's fault, and its log says why. Other models are not affected",
    { code: 'model_unavailable', param: 'model', cause },
  );
}

const storageMarker = Symbol.for('safetune.StorageError');

/** Something that should be stored, or was, is not there or cannot be read or written. */
export class StorageError extends Error {
  readonly [storageMarker] = true;
  readonly key: string;
  /** 'refused': the key or the request has no meaning; nothing was done. */
  readonly problem: 'missing' | 'damaged' | 'refused' | 'failed';

  constructor(key: string, problem: StorageError['problem'], message: string, options?: ErrorOptions) {
    super(`${key}: ${message}`, options);
    this.name = 'StorageError';
    this.key = key;
    this.problem = problem;
  }

  static isInstance(error: unknown): error is StorageError {
    return typeof error === 'object' && error !== null && storageMarker in error;
  }
}

const storeMarker = Symbol.for('safetune.StoreError');

/** Something is wrong with the records or the queue, or with what was asked of them. */
export class StoreError extends Error {
  readonly [storeMarker] = true;
  /** The record, the job, or the file or address of the database. */
  readonly subject: string;
  /**
   * 'taken': the id is there already. 'missing': it is not there. 'refused': what was asked has no meaning. 'damaged': what is there cannot
   * be read. 'foreign': the database is something else's. 'newer': a later version wrote it. 'closed': it was closed. 'failed': the database
   * cannot be used.
   */
  readonly problem: 'taken' | 'missing' | 'refused' | 'damaged' | 'foreign' | 'newer' | 'closed' | 'failed';

  constructor(subject: string, problem: StoreError['problem'], message: string, options?: ErrorOptions) {
    super(`${subject}: ${message}`, options);
    this.name = 'StoreError';
    this.subject = subject;
    this.problem = problem;
  }

  static isInstance(error: unknown): error is StoreError {
    return typeof error === 'object' && error !== null && storeMarker in error;
  }
}

const policyMarker = Symbol.for('safetune.PolicyFileError');

/** A policy that cannot be meant. The service does not start. */
export class PolicyFileError extends Error {
  readonly [policyMarker] = true;
  readonly file: string;
  /** What is wrong with what, one sentence each. */
  readonly problems: readonly string[];

  constructor(file: string, problems: readonly string[], options?: ErrorOptions) {
    super(problems.map((problem) => `${file}: ${problem}`).join('\n'), options);
    this.name = 'PolicyFileError';
    this.file = file;
    this.problems = problems;
  }

  static isInstance(error: unknown): error is PolicyFileError {
    return typeof error === 'object' && error !== null && policyMarker in error;
  }
}
