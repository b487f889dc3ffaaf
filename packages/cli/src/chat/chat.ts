import {
  ChatRenderError,
  ChatTemplateLimitError,
  GenerationError,
  streamAnswer,
  TokenizationError,
} from '@safetune/models';
import type { Answering } from '../answering.ts';
import { onInterrupt } from '../interrupt.ts';
import { haveRoom, sideBySide } from '../terminal/columns.ts';
import { isTyped } from '../terminal/input.ts';
import { twoColumns } from '../terminal/layout.ts';
import { columnsOf, isTerminal, note, write } from '../terminal/output.ts';
import { printable } from '../terminal/printable.ts';
import { createProgressLine } from '../terminal/progress-line.ts';
import { UsageError } from '../usage-error.ts';
import { Conversation } from './conversation.ts';
import { type AdapterMode, parseSlashCommand, type SlashCommand, slashCommands } from './slash-command.ts';

const titles = { with: 'with the adapter', without: 'without the adapter' };

/** A conversation at a terminal, or of the lines of a pipe. */
export class Chat {
  readonly #answering: Answering;
  readonly #conversation: Conversation;
  /** Of the next answer: the same question twice is answered anew. */
  #seed: number;
  /** Undefined where there is no adapter. */
  #mode: AdapterMode | undefined;
  /** Of the answer that is being written. */
  #stop: AbortController | undefined;

  constructor(
    answering: Answering,
    { system, mode }: { readonly system: string | undefined; readonly mode: AdapterMode | undefined },
  ) {
    this.#answering = answering;
    this.#seed = answering.seed;
    this.#conversation = new Conversation(system);
    this.#mode = mode;
  }

  async open(): Promise<void> {
    await this.#answering.generator(true);
    onInterrupt(() => {
      if (this.#stop === undefined) note('press Ctrl-C again to end, or type /quit\n');
      else this.#stop.abort(new StoppedError());
    });
    if (isTyped()) note('/help lists what can be done here; /quit ends\n');
  }

  /** Does what a line asks for; false when that is to end. */
  async hear(line: string): Promise<boolean> {
    if (line.trim() === '') return true;
    try {
      if (line.startsWith('/')) return this.#obey(parseSlashCommand(line));
      await this.#answer(line);
    } catch (error) {
      if (!canGoOn(error)) throw error;
      const hint = GenerationError.isInstance(error) ? '. /reset begins a new conversation' : '';
      note(`${error.message}${hint}\n`);
      if (!isTyped()) process.exitCode = 1;
    }
    return true;
  }

  #obey(command: SlashCommand): boolean {
    switch (command.type) {
      case 'quit':
        return false;
      case 'help':
        note(`${twoColumns(slashCommands, columnsOf('stderr') ?? 80)}\n`);
        break;
      case 'reset':
        this.#conversation.reset();
        note('a new conversation\n');
        break;
      case 'system':
        this.#conversation.system = command.text;
        note(command.text === undefined ? 'no system message\n' : 'the system message is set\n');
        break;
      case 'adapter':
        if (this.#mode === undefined) throw new UsageError('there is no adapter: start with --adapter DIR');
        this.#mode = command.mode;
        note({ on: 'with the adapter\n', off: 'without the adapter\n', both: 'both ways\n' }[command.mode]);
    }
    return true;
  }

  async #answer(question: string): Promise<void> {
    this.#stop = new AbortController();
    try {
      const answer = this.#mode === 'both' ? await this.#both(question) : await this.#one(question);
      this.#conversation.keep(question, answer);
    } finally {
      this.#seed += 1;
      this.#stop = undefined;
    }
  }

  async #one(question: string): Promise<string> {
    const answer = await this.#write(question, this.#mode !== 'off', writeText);
    writeText('\n');
    return answer;
  }

  /** The answer without and the one with the adapter: in columns where there is room, else one after the other. */
  async #both(question: string): Promise<string> {
    const columns = columnsOf('stdout');
    if (!haveRoom(columns)) {
      writeText(`[${titles.without}]\n`);
      await this.#write(question, false, writeText);
      writeText(`\n[${titles.with}]\n`);
      const answer = await this.#write(question, true, writeText);
      writeText('\n');
      return answer;
    }
    const line = createProgressLine();
    const count = (title: string) => {
      let characters = 0;
      return (piece: string) => {
        characters += piece.length;
        line.update(`answering ${title}: ${characters} characters`);
      };
    };
    const without = await this.#write(question, false, count(titles.without));
    const answer = await this.#write(question, true, count(titles.with));
    line.end();
    writeText(`${sideBySide([titles.without, shown(without)], [titles.with, shown(answer)], columns)}\n`);
    return answer;
  }

  /** Answers; Ctrl-C ends the answer where it is. */
  async #write(question: string, withAdapter: boolean, onPiece: (piece: string) => void): Promise<string> {
    const signal = this.#stop!.signal;
    if (signal.aborted) return '';
    const { tokenizer, options, prompts } = this.#answering;
    const generator = await this.#answering.generator(withAdapter);
    let answer = '';
    try {
      const pieces = streamAnswer(
        generator,
        tokenizer,
        prompts.under(this.#conversation.messagesFor(question)),
        {
          ...options,
          seeds: [this.#seed],
          signal,
        },
      );
      let next = await pieces.next();
      for (; next.done !== true; next = await pieces.next()) {
        answer += next.value;
        onPiece(next.value);
      }
      if (next.value.finishReason === 'length' && isTyped()) {
        note(`\n(cut off at ${next.value.tokens.length} tokens; --max-tokens allows more)`);
      }
    } catch (error) {
      if (!(error instanceof StoppedError)) throw error;
      note('\n(stopped)');
    }
    return answer;
  }
}

/** A mistyped command, a conversation too long or one that the template refuses: the person goes on from here. */
function canGoOn(error: unknown): error is Error {
  const classes = [GenerationError, ChatRenderError, ChatTemplateLimitError, TokenizationError];
  return error instanceof UsageError || classes.some((known) => known.isInstance(error));
}

/** An answer was stopped by the person who asked. */
class StoppedError extends Error {}

function writeText(text: string): void {
  write('stdout', shown(text));
}

/** What a model writes may hold anything: a terminal must not be commanded by it. */
function shown(text: string): string {
  return isTerminal('stdout') ? printable(text) : text;
}
