import { createInterface, type Interface } from 'node:readline';

/** Reads stdin line by line, for the thread that watches over a command. */
export interface StdinLines {
  /** The next line; undefined at the end. `onInterrupt` hears of Ctrl-C that a terminal gives as a key. */
  read(prompt: string, onInterrupt: () => void): Promise<string | undefined>;
  /** Draws the prompt again below what was just written, where a person is at it. */
  redraw(): void;
  /** Gives the terminal back, and stdin up. */
  close(): void;
}

export function stdinLines(): StdinLines {
  return process.stdin.isTTY === true ? typedLines() : pipedLines();
}

function pipedLines(): StdinLines {
  let lines: AsyncIterator<string> | undefined;
  return {
    async read() {
      lines ??= createInterface({ input: process.stdin, crlfDelay: Number.POSITIVE_INFINITY })[
        Symbol.asyncIterator
      ]();
      const { done, value } = await lines.next();
      return done === true ? undefined : value;
    },
    redraw() {},
    close() {
      if (lines !== undefined) process.stdin.destroy();
    },
  };
}

/**
 * One editor a line, so that the terminal is its own while an answer is written: Ctrl-C is a signal then. Lines that were
 * pasted together wait for their turn.
 */
function typedLines(): StdinLines {
  const pasted: string[] = [];
  let history: string[] = [];
  let editor: Interface | undefined;
  // Where stdout goes to a file, it gets answers only.
  const output = process.stdout.isTTY === true ? process.stdout : process.stderr;
  return {
    read(prompt, onInterrupt) {
      const waiting = pasted.shift();
      if (waiting !== undefined) {
        output.write(`${prompt}${waiting}\n`);
        return Promise.resolve(waiting);
      }
      const current = createInterface({ input: process.stdin, output, prompt, history, terminal: true });
      editor = current;
      return new Promise((resolve) => {
        const typed: string[] = [];
        current.on('line', (line) => {
          typed.push(line);
          setImmediate(() => current.close());
        });
        current.on('history', (lines) => {
          history = lines;
        });
        current.on('SIGINT', () => {
          output.write('\n');
          if (current.line === '') return onInterrupt();
          // What was typed is given up, as in a shell.
          current.write(null, { ctrl: true, name: 'e' });
          current.write(null, { ctrl: true, name: 'u' });
          current.prompt();
        });
        current.on('close', () => {
          editor = undefined;
          const [first, ...more] = typed;
          pasted.push(...more);
          if (first === undefined) output.write('\n');
          resolve(first);
        });
        current.prompt();
      });
    },
    redraw: () => editor?.prompt(true),
    close() {
      editor?.close();
      process.stdin.pause();
    },
  };
}
