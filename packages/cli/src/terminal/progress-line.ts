/** Where progress is drawn: stderr, so that stdout holds results only. */
export interface ProgressLine {
  /** Shows `text`: in place on a terminal, else as a line at most every few seconds. */
  update(text: string): void;
  /** Ends the line, leaving the last text standing. */
  end(): void;
}

const secondsBetweenLines = 5;

export function createProgressLine(stream: NodeJS.WriteStream = process.stderr): ProgressLine {
  let last = '';
  let written = 0;
  let isOpen = false;
  return {
    update(text) {
      last = text;
      const now = performance.now();
      if (stream.isTTY) {
        stream.write(`\r\x1b[2K${text.slice(0, (stream.columns ?? 120) - 1)}`);
        isOpen = true;
      } else if (written === 0 || now - written > secondsBetweenLines * 1000) {
        stream.write(`${text}\n`);
        written = now;
        last = '';
      }
    },
    end() {
      if (isOpen) stream.write('\n');
      else if (last !== '') stream.write(`${last}\n`);
      last = '';
      isOpen = false;
    },
  };
}

/** `[=====>    ]` */
export function bar(done: number, total: number, width = 20): string {
  const filled = Math.round((Math.min(done, total) / Math.max(total, 1)) * width);
  return `[${'='.repeat(filled)}${' '.repeat(width - filled)}]`;
}
