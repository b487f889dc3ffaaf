// The page asks nothing but the public API, with the key of whoever looks at it: what it may see is decided there.

const place = 'safetune-key';

/** The key lives as long as the tab does, and goes into no address and no cookie. */
export const key = {
  get: () => sessionStorage.getItem(place),
  set: (value) => sessionStorage.setItem(place, value),
  forget: () => sessionStorage.removeItem(place),
};

/** An answer that is an error, with its status; 0 where the service did not answer. */
export class AnswerError extends Error {
  /** @param {number} status @param {string} message */
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** @param {string} path @param {RequestInit} [request] */
async function ask(path, { signal, headers, ...request } = {}) {
  let response;
  try {
    response = await fetch(path, {
      ...request,
      signal,
      headers: { ...headers, authorization: `Bearer ${key.get()}` },
      cache: 'no-store',
      credentials: 'omit',
      redirect: 'error',
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new AnswerError(0, 'The service does not answer.');
  }
  if (response.ok) return response;
  const told = await response.json().catch(() => undefined);
  throw new AnswerError(response.status, told?.error?.message ?? `The service answered ${response.status}.`);
}

/** @param {string} path @param {AbortSignal} [signal] */
export async function read(path, signal) {
  return (await ask(path, { signal })).json();
}

/** Has something done. It is not taken back when the reader goes elsewhere meanwhile. */
export async function send(method, path, body) {
  const content =
    body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } };
  return (await ask(path, { method, ...content })).json();
}

/** The beginning of a file, to the last whole line. */
export async function readLines(fileId, mostBytes, signal) {
  const response = await ask(`/v1/files/${encodeURIComponent(fileId)}/content`, { signal });
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  let [text, length] = ['', 0];
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return { lines: text.split('\n').filter((line) => line !== ''), isWhole: true };
    length += value.length;
    text += decoder.decode(value, { stream: true });
    if (length < mostBytes) continue;
    await reader.cancel();
    return {
      lines: text
        .slice(0, text.lastIndexOf('\n') + 1)
        .split('\n')
        .filter((line) => line !== ''),
      isWhole: false,
    };
  }
}

/** Saves a content on the reader's disk. The key goes as a header, so that no link can do it. */
export async function download(path, filename) {
  const response = await ask(path);
  const address = URL.createObjectURL(await response.blob());
  const link = document.createElement('a');
  link.href = address;
  link.download = filename;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
