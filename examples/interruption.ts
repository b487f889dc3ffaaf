/** Aborted by Ctrl-C: commands stop at the next step, and the same command then goes on where it was. */
export function interruption(): AbortSignal {
  const controller = new AbortController();
  process.once('SIGINT', () =>
    controller.abort(new Error('interrupted; the same command goes on where it was')),
  );
  return controller.signal;
}

/** Runs a command; one that was interrupted says so and ends with status 130. */
export async function interruptible(signal: AbortSignal, command: () => Promise<void>): Promise<void> {
  try {
    await command();
  } catch (error) {
    if (!signal.aborted) throw error;
    process.stderr.write(`\n${(signal.reason as Error).message}\n`);
    process.exitCode = 130;
  }
}
