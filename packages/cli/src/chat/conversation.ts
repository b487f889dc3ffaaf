import type { ChatMessage } from '@safetune/models';

/** What was said so far, under a system message. */
export class Conversation {
  #turns: ChatMessage[] = [];
  system: string | undefined;

  constructor(system: string | undefined) {
    this.system = system;
  }

  /** What the model is given, to answer `question`. */
  messagesFor(question: string): ChatMessage[] {
    const system = this.system === undefined ? [] : [{ role: 'system', content: this.system }];
    return [...system, ...this.#turns, { role: 'user', content: question }];
  }

  /** Keeps a turn; an answer of nothing leaves none, as many templates refuse it. */
  keep(question: string, answer: string): void {
    if (answer.trim() === '') return;
    this.#turns.push({ role: 'user', content: question }, { role: 'assistant', content: answer });
  }

  reset(): void {
    this.#turns = [];
  }
}
