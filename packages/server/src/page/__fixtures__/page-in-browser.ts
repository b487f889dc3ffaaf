import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { type BrowserPage, openBrowser } from '../../../../eval/src/__fixtures__/browser.ts';

/** Where screenshots go, for who wants to look at them. */
const pictures = process.env.SAFETUNE_PAGE_PICTURES;

/** The page as somebody uses it. */
export interface PageInBrowser extends BrowserPage {
  text(): Promise<string>;
  showsSoon(wanted: string): Promise<void>;
  /** Has the page read anew at once, as it does when its tab is seen again. */
  look(): Promise<unknown>;
  /** Types the key into the form. */
  enterKey(key: string): Promise<void>;
  goTo(hash: string): Promise<unknown>;
  /** Presses a key where the focus is. */
  press(key: 'Enter' | 'Tab' | 'Escape'): Promise<void>;
  /** Types a text where the focus is. */
  type(text: string): Promise<unknown>;
  /** Names of the buttons that are seen, as those hear them who do not see the page. */
  buttons(): Promise<string[]>;
  /** Gives the focus to the button of a name. */
  focus(name: string): Promise<void>;
  /** What has the focus: its name, or its text. */
  focused(): Promise<string>;
  width(pixels: number): Promise<void>;
  dark(): Promise<unknown>;
  /** Keeps a screenshot, where they are wanted. */
  picture(name: string): Promise<void>;
}

const keys = {
  Enter: { windowsVirtualKeyCode: 13, text: '\r' },
  Tab: { windowsVirtualKeyCode: 9 },
  Escape: { windowsVirtualKeyCode: 27 },
};

/** Names as the page gives them: its own label, or its text. */
const nameOf = `(one) => one.getAttribute('aria-label') ?? one.textContent.trim()`;
const shownButtons = `[...document.querySelectorAll('button')].filter((one) => one.checkVisibility())`;

export async function openPageInBrowser(command: string): Promise<PageInBrowser> {
  const browser = await openBrowser(command);
  const { evaluate, send } = browser;
  const press = async (key: keyof typeof keys) => {
    await send('Input.dispatchKeyEvent', { type: 'keyDown', key, code: key, ...keys[key] });
    await send('Input.dispatchKeyEvent', { type: 'keyUp', key, code: key, ...keys[key], text: undefined });
  };
  const type = (text: string) => send('Input.insertText', { text });
  const text = () => evaluate<string>('document.body.innerText');
  return {
    ...browser,
    text,
    showsSoon: (wanted) => expect.poll(text, { timeout: 20_000 }).toContain(wanted),
    look: () => evaluate(`void document.dispatchEvent(new Event('visibilitychange'))`),
    async enterKey(key) {
      await evaluate(`document.getElementById('key').focus()`);
      await type(key);
      await press('Enter');
    },
    goTo: (hash) => evaluate(`void (location.hash = ${JSON.stringify(hash)})`),
    press,
    type,
    buttons: () => evaluate(`${shownButtons}.map(${nameOf})`),
    async focus(name) {
      const found = `${shownButtons}.find((one) => (${nameOf})(one) === ${JSON.stringify(name)})`;
      await expect.poll(() => evaluate<boolean>(`${found} !== undefined`), { timeout: 20_000 }).toBe(true);
      await evaluate(`${found}.focus()`);
    },
    focused: () => evaluate(`(${nameOf})(document.activeElement)`),
    async width(pixels) {
      await send('Emulation.setDeviceMetricsOverride', {
        ...{ width: pixels, height: 900, deviceScaleFactor: 1, mobile: pixels < 600 },
      });
    },
    dark: () =>
      send('Emulation.setEmulatedMedia', { features: [{ name: 'prefers-color-scheme', value: 'dark' }] }),
    async picture(name) {
      if (pictures === undefined) return;
      const { data } = (await send('Page.captureScreenshot', { captureBeyondViewport: true })) as {
        readonly data: string;
      };
      await mkdir(pictures, { recursive: true });
      await writeFile(join(pictures, `${name}.png`), Buffer.from(data, 'base64'));
    },
  };
}
