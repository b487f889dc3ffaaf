import type { BigIntStats } from 'node:fs';

/** A file changed within this time might change once more without another time stamp. */
const settlingMilliseconds = 2000;

/** What a file is and in which state: any change of its content gives another text, whatever its times are set to. */
export function fileIdentity({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return [dev, ino, size, mtimeNs, ctimeNs].join(':');
}

/** True when the file has not changed just now, so that its {@link fileIdentity} can be trusted later. */
export function isSettled({ ctimeMs }: BigIntStats): boolean {
  return Date.now() - Number(ctimeMs) > settlingMilliseconds;
}
