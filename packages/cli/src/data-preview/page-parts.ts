/** Elements of a page of tokens: `i` a token, `u` the name of what is invisible; classes learned, end of turn, special, cut. */
export const pageStyle = `
:root{--learn:#8fdcb4;--edge:#00805a;--mark:#a85a00}
@media (prefers-color-scheme:dark){:root{--learn:#0f5f43;--edge:#43d3a3;--mark:#f2ab55}}
main{padding-bottom:9rem}h2{overflow-wrap:anywhere}section{content-visibility:auto;contain-intrinsic-size:auto 20rem}
.tokens{background:var(--surface);border:1px solid var(--line);border-radius:6px;padding:.7rem .9rem;white-space:pre-wrap;overflow-wrap:anywhere;font:14px/1.75 ui-monospace,'DejaVu Sans Mono',Menlo,Consolas,monospace;max-width:none}
.tokens:focus-visible{outline:2px solid var(--edge)}
.tokens i{font-style:normal;color:var(--muted);border-radius:2px;box-shadow:-1px 0 0 var(--line)}
.tokens:not(.legend) i{cursor:pointer}
.tokens .l{--w:1;color:var(--ink);background:color-mix(in srgb,var(--learn) calc(20% + 80% * var(--w)),transparent);border-bottom:1px solid var(--edge)}
.tokens .e{outline:1px solid var(--edge);outline-offset:-1px;font-weight:600}.tokens .s{outline:1px dashed var(--muted);outline-offset:-1px}
.tokens .c{opacity:.5;text-decoration:line-through}.tokens u{text-decoration:none;color:var(--mark);font-size:.82em}
.tokens .now{outline:2px solid var(--ink);outline-offset:1px}
.refusal{color:var(--mark);max-width:none;overflow-wrap:anywhere}
#token{position:fixed;inset:auto 0 0 0;margin:0;padding:.7rem 1.25rem;min-height:3.2rem;background:var(--surface);border-top:1px solid var(--line);font-size:.92rem;overflow-wrap:anywhere;display:block}
@media (max-width:500px){main{padding-left:.7rem;padding-right:.7rem}.tokens{padding:.5rem;font-size:13px}}
`.trimStart();

/** Tells what a token is: pointed at, tapped, or reached by keys. */
export const pageScript = `
const bar = document.body.appendChild(document.createElement('output'));
bar.id = 'token';
bar.textContent = 'Point at a token';
let now;
const numbers = (box, name) => (box[name] ??= (box.dataset[name] ?? '').split(' '));
function show(token) {
  const box = token.parentElement;
  const at = (box.places ??= new Map([...box.children].map((child, index) => [child, index]))).get(token);
  const answers = (box.dataset.answers ?? '').split(',').map((text) => text.split(' '));
  const answer = token.classList.contains('l') && answers.findLast(([start]) => start !== '' && Number(start) <= at);
  const weight = box.dataset.weights ? numbers(box, 'weights')[at] : token.classList.contains('l') ? '1' : '0';
  const told = ['token ' + at, 'id ' + numbers(box, 'ids')[at], JSON.stringify(token.textContent), 'weight ' + weight];
  if (token.classList.contains('e')) told.push('ends the turn');
  if (token.classList.contains('s')) told.push('special');
  if (token.classList.contains('c')) told.push('cut off');
  if (answer) told.push((answer[1] < 0 ? 'answer' : 'answer of messages[' + answer[1] + ']') + ', found by ' + answer[2]);
  bar.textContent = told.join('  \\u00b7  ');
  now?.classList.remove('now');
  now = token;
  now.classList.add('now');
}
const tokenOf = (target) => target.closest?.('.tokens:not(.legend) > i');
for (const event of ['pointerover', 'click']) {
  document.addEventListener(event, ({ target }) => { const token = tokenOf(target); if (token) show(token); });
}
document.addEventListener('keydown', (event) => {
  const box = event.target.closest?.('.tokens[tabindex]');
  if (!box?.firstElementChild) return;
  const here = now?.parentElement === box ? now : undefined;
  const next = {
    ArrowRight: () => (here ? here.nextElementSibling : box.firstElementChild),
    ArrowLeft: () => here?.previousElementSibling,
    Home: () => box.firstElementChild,
    End: () => box.lastElementChild,
  }[event.key];
  if (!next) return;
  event.preventDefault();
  const token = next() ?? here ?? box.firstElementChild;
  show(token);
  token.scrollIntoView({ block: 'nearest' });
});
`;
