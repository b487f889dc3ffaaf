import { TrainOptionError } from '../errors.ts';

/** Part of the free memory that a run may plan with: others live on the machine as well. */
const share = 0.9;

/**
 * Bytes that may be added to the process.
 *
 * @param memoryLimit bytes that it may have in all. Default: its resident memory, and nine tenths of what the system (or
 * the container's limit) has left
 * @throws TrainOptionError for a limit that is no positive number.
 */
export function availableMemory(memoryLimit?: number): number {
  // Respects the limits of containers (cgroups), and counts the page cache as free.
  if (memoryLimit === undefined) return share * process.availableMemory();
  if (memoryLimit > 0) return memoryLimit - process.memoryUsage.rss();
  throw new TrainOptionError('memoryLimit', `${memoryLimit} must be a positive number of bytes`);
}
