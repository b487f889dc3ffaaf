/** A key in lower case without `_`, `-`, `.` and spaces, so that all spellings are one. */
export function plainKey(key: string): string {
  return key.toLowerCase().replaceAll(/[_\-.\s]/g, '');
}

/** Whether a value says no more than that its key is not used: null, an empty text, list or object. */
export function asksNothing(value: unknown): boolean {
  if (value === null || value === undefined || value === '') return true;
  return typeof value === 'object' && Object.keys(value).length === 0;
}
