import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { childEnvironment } from '../child-environment.ts';
import { ApiError, modelUnavailable } from '../errors.ts';
import type { ChatEnd, ChatPiece } from './chat.ts';
import type {
  ModelDescription,
  ModelFailure,
  ModelQuestion,
  ModelReply,
  ModelRequest,
} from './model-messages.ts';

/** One answer on its way. */
export interface RunningAnswer {
  readonly pieces: AsyncGenerator<ChatPiece, ChatEnd, void>;
  /** Resolves when the model is free again, whether or not the pieces have been read. */
  readonly over: Promise<void>;
  /** Ends the generation before its next token. */
  leave(): void;
}

/** A model in a process of its own: whatever happens to it, the service goes on. */
export interface ModelProcess {
  readonly processId: number;
  /** False once the process has ended. */
  readonly isAlive: boolean;
  /** Begins an answer; only when the last one is over. */
  answer(question: ModelQuestion): RunningAnswer;
  /** Ends the process, and resolves when its memory is free. */
  close(): Promise<void>;
}

export interface ModelProcessOptions extends ModelDescription {
  /** How long an answer that nobody wants may go on before the process is ended, in milliseconds. Default 10,000. */
  readonly graceMilliseconds?: number;
  /** Ends the process, also while it loads. */
  readonly signal?: AbortSignal;
  /** Hears what the client is not told: why a model failed. */
  readonly onProblem?: (problem: string) => void;
}

const inSources = import.meta.url.endsWith('.ts');
const entry = new URL(inSources ? './model-program.ts' : './model-program.js', import.meta.url);

/** @throws ApiError 503 `model_unavailable` when the model cannot be loaded; the signal's reason. */
export async function openModelProcess({
  graceMilliseconds = 10_000,
  onProblem,
  signal,
  ...description
}: ModelProcessOptions): Promise<ModelProcess> {
  const child = fork(fileURLToPath(entry), [], {
    execArgv: inSources ? ['--conditions=safetune-source'] : [],
    env: childEnvironment(),
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    serialization: 'advanced',
  });
  let running: Answering | undefined;
  let count = 0;
  const exited = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', () => resolve());
  });
  const isAlive = () => child.exitCode === null && child.signalCode === null && child.connected;
  const send = (request: ModelRequest) => {
    // A process that dies is heard of by its end.
    if (child.connected) child.send(request, () => {});
  };
  const close = async () => {
    child.kill('SIGKILL');
    if (child.pid !== undefined) await exited;
  };
  void exited.then(() => running?.fail(endedInTheMiddle()));
  signal?.addEventListener('abort', () => void close(), { once: true });
  if (signal?.aborted === true) await close();
  await opened(child, exited, description, send, { signal, onProblem }).catch(async (error: unknown) => {
    await close();
    throw error;
  });
  child.on('message', (reply: ModelReply) => running?.take(reply));
  return {
    processId: child.pid!,
    get isAlive() {
      return isAlive();
    },
    answer(question) {
      const id = count++;
      const answering = new Answering(id, {
        leave() {
          send({ type: 'leave', id });
          const deadline = setTimeout(() => {
            onProblem?.(
              `an answer went on ${graceMilliseconds} ms after it was left, and its process was ended`,
            );
            void close();
          }, graceMilliseconds);
          return () => clearTimeout(deadline);
        },
        onProblem,
      });
      running = answering;
      if (isAlive()) send({ type: 'answer', id, question });
      else answering.fail(endedInTheMiddle());
      return { pieces: answering.pieces(), over: answering.over, leave: () => answering.leave() };
    },
    close,
  };
}

async function opened(
  child: ChildProcess,
  exited: Promise<void>,
  description: ModelDescription,
  send: (request: ModelRequest) => void,
  {
    signal,
    onProblem,
  }: {
    readonly signal: AbortSignal | undefined;
    readonly onProblem: ModelProcessOptions['onProblem'];
  },
): Promise<void> {
  const reply = new Promise<ModelReply>((resolve) => child.once('message', resolve));
  send({ type: 'open', description });
  const first = await Promise.race([reply, exited]);
  if (first?.type === 'opened') return;
  signal?.throwIfAborted();
  onProblem?.(
    first?.type === 'not-opened'
      ? `the model in ${description.path} could not be loaded: ${first.failure.detail ?? first.failure.message}`
      : `the process of the model in ${description.path} ended while it was loaded`,
  );
  throw modelUnavailable();
}

function endedInTheMiddle(): ApiError {
  return new ApiError(500, "the model's process ended in the middle of the answer; ask again", {
    code: 'model_failed',
  });
}

type AnswerResult = { readonly end: ChatEnd } | { readonly error: unknown };

/** The service's side of an answer: pieces wait here until they are read. */
class Answering {
  readonly over: Promise<void>;
  readonly #id: number;
  readonly #leaveModel: () => () => void;
  readonly #onProblem: ModelProcessOptions['onProblem'];
  readonly #waiting: ChatPiece[] = [];
  #result: AnswerResult | undefined;
  #wake = () => {};
  #free = () => {};
  #stopLeaving: (() => void) | undefined;

  constructor(
    id: number,
    { leave, onProblem }: { leave: () => () => void; onProblem: ModelProcessOptions['onProblem'] },
  ) {
    this.#id = id;
    this.#leaveModel = leave;
    this.#onProblem = onProblem;
    this.over = new Promise((resolve) => {
      this.#free = resolve;
    });
  }

  take(reply: ModelReply): void {
    if (!('id' in reply) || reply.id !== this.#id) return;
    if (reply.type === 'piece') {
      if (this.#stopLeaving === undefined) this.#waiting.push(reply.piece);
      this.#wake();
    } else if (reply.type === 'end') this.#settle({ end: reply.end });
    else if (reply.type === 'failed') this.fail(this.#errorOf(reply.failure));
    else if (reply.type === 'left') this.fail(new ApiError(500, 'the answer was left'));
  }

  fail(error: unknown): void {
    this.#settle({ error });
  }

  leave(): void {
    if (this.#result === undefined) this.#stopLeaving ??= this.#leaveModel();
  }

  async *pieces(): AsyncGenerator<ChatPiece, ChatEnd, void> {
    try {
      for (;;) {
        const piece = this.#waiting.shift();
        if (piece !== undefined) yield piece;
        else if (this.#result === undefined)
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
        else if ('end' in this.#result) return this.#result.end;
        else throw this.#result.error;
      }
    } finally {
      this.leave();
    }
  }

  #settle(result: AnswerResult): void {
    if (this.#result !== undefined) return;
    this.#result = result;
    this.#stopLeaving?.();
    this.#free();
    this.#wake();
  }

  #errorOf({ status, code, message, param, detail }: ModelFailure): ApiError {
    if (detail !== undefined) this.#onProblem?.(`a model failed: ${detail}`);
    return new ApiError(status, message, { code, param });
  }
}
