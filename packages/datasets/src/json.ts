/** An object as JSON holds it. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** Whether a value is an object that is no list. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A value that some data sets keep as its JSON text, as the columns of their tables need one type. An empty one is null. */
export function parsedText(value: unknown): unknown {
  if (typeof value !== 'string') return value;
  if (value === '') return null;
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}
