import { columnsOf, isTerminal, shared, write } from './output.ts';
import { printableName } from './printable.ts';

/** Where progress is drawn: stderr, so that stdout holds results only. */
export interface ProgressLine {
  /**
   * Shows the parts, the most important ones first: in place on a terminal, as many as fit its width; else as a line at
   * most every few seconds.
   */
  update(...parts: readonly string[]): void;
  /** Ends the line, leaving the last text standing. */
  end(): void;
}

const secondsBetweenLines = 5;

export function createProgressLine(): ProgressLine {
  let last = '';
  let written = 0;
  let isOpen = false;
  let updated = performance.now();
  return {
    update(...parts) {
      const now = performance.now();
      if (shared !== undefined)
        shared.slowestSeconds = Math.max(shared.slowestSeconds, (now - updated) / 1000);
      updated = now;
      const names = parts.map(printableName);
      last = names.join('  ');
      if (isTerminal('stderr')) {
        write('stderr', `\r\x1b[2K${fittingParts(names, (columnsOf('stderr') ?? 120) - 1)}`);
        isOpen = true;
      } else if (written === 0 || now - written > secondsBetweenLines * 1000) {
        write('stderr', `${last}\n`);
        written = now;
        last = '';
      }
    },
    end() {
      if (isOpen) write('stderr', '\n');
      else if (last !== '') write('stderr', `${last}\n`);
      last = '';
      isOpen = false;
    },
  };
}

/** The first parts that fit into a line together; of a first one that does not, its beginning. */
export function fittingParts(parts: readonly string[], width: number): string {
  let line = parts[0] ?? '';
  for (const part of parts.slice(1)) {
    if (line.length + 2 + part.length > width) break;
    line = `${line}  ${part}`;
  }
  return line.slice(0, width);
}

/** `[=====>    ]`, left out where there is hardly room for the figures. */
export function bar(done: number, total: number): string {
  const columns = columnsOf('stderr') ?? 120;
  if (columns < 60) return '';
  const width = columns < 100 ? 10 : 20;
  const filled = Math.round((Math.min(done, total) / Math.max(total, 1)) * width);
  return `[${'='.repeat(filled)}${' '.repeat(width - filled)}] `;
}
