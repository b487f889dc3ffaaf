/**
 * Does something now and then, one time after the other, until it is stopped. What fails is told, and tried again the next time.
 *
 * @returns what stops it, when the time that is under way has ended.
 */
export function repeatedly(
  milliseconds: number,
  task: () => Promise<unknown>,
  onError: (error: unknown) => void,
): () => Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  let isStopped = false;
  let running = run();
  async function run(): Promise<void> {
    try {
      await task();
    } catch (error) {
      onError(error);
    }
    if (isStopped) return;
    timer = setTimeout(() => {
      running = run();
    }, milliseconds);
  }
  return async () => {
    isStopped = true;
    clearTimeout(timer);
    await running;
  };
}
