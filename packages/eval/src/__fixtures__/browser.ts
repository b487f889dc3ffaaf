import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The command of a Chromium that is installed here: that of `SAFETUNE_CHROMIUM`, else the first of the usual names. */
export function findChromium(): string | undefined {
  const candidates = [process.env.SAFETUNE_CHROMIUM, 'chromium', 'chromium-browser', 'google-chrome'];
  return candidates.find(
    (name) => name !== undefined && spawnSync(name, ['--version'], { stdio: 'ignore' }).status === 0,
  );
}

interface ProtocolMessage {
  readonly id?: number;
  readonly method?: string;
  readonly params?: Readonly<Record<string, unknown>>;
  readonly result?: unknown;
  readonly error?: { readonly message: string };
}

/** A page in a headless Chromium, spoken to by the DevTools protocol. */
export interface BrowserPage extends AsyncDisposable {
  /** What it said on its console, and errors of its program. */
  readonly complaints: readonly string[];
  /** Addresses it asked for, its own included. */
  readonly requests: readonly string[];
  /** Opens an address and waits for its load event. */
  open(url: string): Promise<void>;
  /** The value of an expression, promises awaited. */
  evaluate<Value>(expression: string): Promise<Value>;
  /** Sends a command of the protocol. */
  send(method: string, params?: object): Promise<unknown>;
}

/** Starts a Chromium with a profile of its own, which goes with it. */
export async function openBrowser(command: string): Promise<BrowserPage> {
  const profile = await mkdtemp(join(tmpdir(), 'safetune-chromium-'));
  const child = spawn(
    command,
    [
      '--headless=new',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-dev-shm-usage',
      '--no-first-run',
      '--remote-debugging-port=0',
      `--user-data-dir=${profile}`,
      'about:blank',
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  const address = await debuggerAddress(child);
  const targets = (await (await fetch(`http://${new URL(address).host}/json/list`)).json()) as {
    readonly type: string;
    readonly webSocketDebuggerUrl: string;
  }[];
  const target = targets.find(({ type }) => type === 'page')!;
  const socket = new WebSocket(target.webSocketDebuggerUrl);
  await new Promise((resolve, reject) => {
    socket.onopen = resolve;
    socket.onerror = reject;
  });
  const page = speakTo(socket);
  for (const domain of ['Page', 'Runtime', 'Log', 'Network']) await page.send(`${domain}.enable`);
  return {
    ...page,
    async [Symbol.asyncDispose]() {
      socket.close();
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill();
      await ended;
      await rm(profile, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

function debuggerAddress(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = '';
    child.stderr!.setEncoding('utf8').on('data', (chunk: string) => {
      said += chunk;
      const found = /DevTools listening on (ws:\S+)/.exec(said);
      if (found) resolve(found[1]!);
    });
    child.once('error', reject);
    child.once('exit', () => reject(new Error(`Chromium ended: ${said.slice(-2000)}`)));
  });
}

function speakTo(socket: WebSocket): Omit<BrowserPage, keyof AsyncDisposable> {
  const complaints: string[] = [];
  const requests: string[] = [];
  const waiting = new Map<number, (message: ProtocolMessage) => void>();
  let loaded = () => {};
  let count = 0;
  socket.onmessage = ({ data }) => {
    const message = JSON.parse(String(data)) as ProtocolMessage;
    if (message.id !== undefined) waiting.get(message.id)?.(message);
    const { method, params = {} } = message;
    if (method === 'Page.loadEventFired') loaded();
    if (method === 'Network.requestWillBeSent')
      requests.push((params.request as { readonly url: string }).url);
    if (
      method === 'Runtime.exceptionThrown' ||
      method === 'Log.entryAdded' ||
      method === 'Runtime.consoleAPICalled'
    )
      complaints.push(JSON.stringify(params));
  };
  const send = async (method: string, params: object = {}): Promise<unknown> => {
    count += 1;
    const id = count;
    const answer = new Promise<ProtocolMessage>((resolve) => waiting.set(id, resolve));
    socket.send(JSON.stringify({ id, method, params }));
    const { result, error } = await answer;
    waiting.delete(id);
    if (error !== undefined) throw new Error(`${method}: ${error.message}`);
    return result;
  };
  return {
    complaints,
    requests,
    send,
    async open(url) {
      const load = new Promise<void>((resolve) => {
        loaded = resolve;
      });
      await send('Page.navigate', { url });
      await load;
    },
    async evaluate<Value>(expression: string): Promise<Value> {
      const { result, exceptionDetails } = (await send('Runtime.evaluate', {
        expression,
        awaitPromise: true,
        returnByValue: true,
      })) as { readonly result: { readonly value: Value }; readonly exceptionDetails?: unknown };
      if (exceptionDetails !== undefined) throw new Error(JSON.stringify(exceptionDetails));
      return result.value;
    },
  };
}
