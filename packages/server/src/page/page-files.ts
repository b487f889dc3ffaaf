import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

/** A file of the page. */
export interface PageFile {
  /** Its path on the server. */
  readonly path: string;
  readonly contentType: string;
  readonly content: string;
}

const types = {
  html: 'text/html; charset=utf-8',
  css: 'text/css; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
} as const;

const programs = [
  'actions.js',
  'api.js',
  'confirm.js',
  'curves.js',
  'elements.js',
  'format.js',
  'job-history.js',
  'job-view.js',
  'list-views.js',
  'main.js',
  'perform.js',
  'queue-view.js',
  'report-view.js',
  'verdict.js',
];

// What runs in the browser is published as it is written: both from src/page and from dist it lies in src/page/browser.
const inSources = import.meta.url.endsWith('.ts');
const folder = new URL(inSources ? './browser/' : '../src/page/browser/', import.meta.url);

/** The files of the page, read once: nothing of a request becomes a path. The charts are uPlot's. */
export function pageFiles(): readonly PageFile[] {
  const { resolve } = createRequire(import.meta.url);
  const own = (name: string) => readFileSync(fileURLToPath(new URL(name, folder)), 'utf8');
  return [
    { path: '/', contentType: types.html, content: own('index.html') },
    ...['page.css', 'actions.css'].map((name) => ({
      path: `/page/${name}`,
      contentType: types.css,
      content: own(name),
    })),
    ...programs.map((name) => ({ path: `/page/${name}`, contentType: types.js, content: own(name) })),
    {
      path: '/page/uplot.js',
      contentType: types.js,
      content: readFileSync(resolve('uplot/dist/uPlot.iife.min.js'), 'utf8'),
    },
    {
      path: '/page/uplot.css',
      contentType: types.css,
      content: readFileSync(resolve('uplot/dist/uPlot.min.css'), 'utf8'),
    },
  ];
}

/**
 * What the page may do: run its own files, ask its own service, and nothing else. No text can become markup (trusted types), no other
 * page can frame it, and it sends no address of its own to anyone.
 */
export const pageHeaders: Readonly<Record<string, string>> = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; " +
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
  'cache-control': 'no-cache',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), geolocation=(), microphone=()',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
};
