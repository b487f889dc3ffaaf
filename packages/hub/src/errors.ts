import { printableMessage } from '@safetune/tensor';

const marker = Symbol.for('safetune.HubError');

/**
 * Why a repository of the hub cannot be had.
 *
 * - `name`: not a name of the form `owner/name[@revision][:file]`;
 * - `ambiguous`: a name that may mean something on this machine as well;
 * - `not-found`: the hub has no such repository, or hides it from whoever may not see it;
 * - `not-allowed`: it is gated or private, and the token is missing, wrong or not enough;
 * - `revision`: the repository has no such revision;
 * - `file`: the revision has no such file, or none of those that are needed;
 * - `offline`: it is not in the cache, and the hub is not asked or cannot be reached;
 * - `interrupted`: the connection was lost, and again after every new try;
 * - `wrong-bytes`: what came does not have the hash or the size that the hub states;
 * - `space`: it does not fit on the disk;
 * - `answer`: the hub's answer is not what it should be.
 */
export type HubProblem =
  | 'name'
  | 'ambiguous'
  | 'not-found'
  | 'not-allowed'
  | 'revision'
  | 'file'
  | 'offline'
  | 'interrupted'
  | 'wrong-bytes'
  | 'space'
  | 'answer';

/** A repository of the hub, or a file of one, that cannot be had. The message says what to do; no token is ever in it. */
export class HubError extends Error {
  readonly [marker] = true;
  readonly problem: HubProblem;
  /** The repository as it was named. */
  readonly repository: string;

  constructor(problem: HubProblem, repository: string, message: string, options?: ErrorOptions) {
    super(printableMessage(`${repository}: ${message}`), options);
    this.name = 'HubError';
    this.problem = problem;
    this.repository = repository;
  }

  static isInstance(error: unknown): error is HubError {
    return typeof error === 'object' && error !== null && marker in error;
  }
}
