/** A line of progress on stderr with the time left: drawn over on a terminal, else written every few seconds. */
export function progressLine(totalWork: number) {
  const started = performance.now();
  let counted: number | undefined;
  let written = Number.NEGATIVE_INFINITY;
  return {
    /** `done` of the total work is done; the first call says where the work began, after what was done earlier. */
    update(text: string, done: number): void {
      counted ??= done;
      const seconds = (performance.now() - started) / 1000;
      const share = (done - counted) / (totalWork - counted);
      const left = share > 0.005 ? `, ${duration((seconds * (1 - share)) / share)} left` : '';
      const line = `${text}${left}`;
      if (process.stderr.isTTY)
        process.stderr.write(`\r\x1b[2K${line.slice(0, (process.stderr.columns ?? 120) - 1)}`);
      else if (seconds - written > 5 || done >= totalWork) {
        process.stderr.write(`${line}\n`);
        written = seconds;
      }
    },
    /** Leaves the line, saying how long it took. */
    end(): void {
      const line = `done in ${duration((performance.now() - started) / 1000)}`;
      process.stderr.write(process.stderr.isTTY ? `\r\x1b[2K${line}\n` : `${line}\n`);
    },
  };
}

function duration(seconds: number): string {
  const whole = Math.round(seconds);
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, '0')} s`;
}
