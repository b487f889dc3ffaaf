import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { pageProgram } from './page-program.ts';

/** The page, whole: its charts are uPlot's, which is in it. No request but for the events. */
export function watchPage(): { readonly html: string; readonly headers: Readonly<Record<string, string>> } {
  const { resolve } = createRequire(import.meta.url);
  const charts = readFileSync(resolve('uplot/dist/uPlot.iife.min.js'), 'utf8');
  const chartStyle = readFileSync(resolve('uplot/dist/uPlot.min.css'), 'utf8');
  const style = `${chartStyle}${ownStyle}`;
  const scripts = [charts, pageProgram];
  const allowed = scripts.map((script) => `'sha256-${sha256(script)}'`).join(' ');
  return {
    html: [
      '<!doctype html><html lang="en"><head><meta charset="utf-8">',
      '<meta name="viewport" content="width=device-width, initial-scale=1"><title>SafeTune run</title>',
      `<style>${style}</style></head><body><main>`,
      '<h1>SafeTune run</h1><p id="about">waiting for the first step</p>',
      '<p><progress id="bar" value="0" max="1" aria-label="steps done"></progress> <span id="state" role="status"></span></p>',
      '<ul id="said" aria-live="polite"></ul><div id="charts"></div>',
      `</main>${scripts.map((script) => `<script>${script}</script>`).join('')}</body></html>`,
    ].join('\n'),
    headers: {
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'no-store',
      'content-security-policy':
        `default-src 'none'; script-src ${allowed}; style-src 'sha256-${sha256(style)}'; connect-src 'self'; ` +
        "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    },
  };
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('base64');
}

const ownStyle = `
:root{color-scheme:light dark;--ink:#1f2430;--muted:#5d6675;--line:#d9dee6;--surface:#fff;--page:#f5f6f8;--a:#1f6feb;--b:#c2410c;--c:#1a7f4b}
@media (prefers-color-scheme:dark){:root{--ink:#e8ebf0;--muted:#a3adbb;--line:#343b47;--surface:#161a21;--page:#0e1116;--a:#6ea8fe;--b:#fb923c;--c:#5cc98d}}
body{margin:0;background:var(--page);color:var(--ink);font:16px/1.5 system-ui,'Segoe UI',Roboto,sans-serif}
main{max-width:76rem;margin:0 auto;padding:1.5rem 1rem 3rem}
h1{font-size:1.4rem;margin:0}p{margin:.4rem 0}#about{color:var(--muted);overflow-wrap:anywhere}
progress{width:min(100%,24rem);height:.8rem;vertical-align:middle;accent-color:var(--a)}
#said{list-style:none;padding:0;margin:.5rem 0}#said li{padding:.4rem .7rem;margin:.3rem 0;border-left:4px solid var(--b);background:var(--surface)}
#charts{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,22rem),1fr));gap:1rem}
figure{margin:0;padding:.7rem;background:var(--surface);border:1px solid var(--line);border-radius:6px;min-width:0}
figcaption{display:flex;justify-content:space-between;gap:1rem;flex-wrap:wrap}figcaption b{font-weight:600}
figcaption span{font-variant-numeric:tabular-nums;color:var(--muted)}i{font-style:normal;font-weight:700}
`;
