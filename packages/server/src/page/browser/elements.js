// Every text on the page is set as text: what a stranger wrote never becomes markup. The page's policy of contents (trusted types)
// refuses anything else.

/** An element with attributes and children; a child that is a string becomes text. */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== false) made.setAttribute(key, value === true ? '' : String(value));
  }
  made.append(...children.filter((child) => child !== undefined));
  return made;
}

/** Sets a text only where it changed, so that nothing is read out or selected anew. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/**
 * What a cell shows: a text, or
 * @typedef {{ text: string, href?: string, note?: string, tone?: string, action?: () => void }} CellParts
 */

const shown = new WeakMap();

/** Fills a cell; one that shows the same already stays, with the focus that it may have. */
function fillCell(cell, content) {
  const parts = typeof content === 'string' ? { text: content } : content;
  const signature = JSON.stringify(parts);
  if (shown.get(cell) === signature) return;
  shown.set(cell, signature);
  const { text, href, note, tone, action } = parts;
  const main =
    href !== undefined
      ? element('a', { href }, text)
      : action !== undefined
        ? element('button', { type: 'button' }, text)
        : element('span', { class: tone }, text);
  if (action !== undefined) main.addEventListener('click', action);
  // Only what no column has room for is cut within a word.
  cell.classList.toggle('long', /\S{18}/.test(`${text} ${note ?? ''}`));
  cell.replaceChildren(main, ...(note === undefined ? [] : [element('small', {}, note)]));
}

/**
 * A table whose rows come and go by their keys.
 *
 * @param {string} caption
 * @param {readonly string[]} columns
 * @param {string} none what is said where there are no rows
 */
export function table(caption, columns, none) {
  const body = element('tbody');
  const head = element('tr', {}, ...columns.map((column) => element('th', { scope: 'col' }, column)));
  const whole = element('table', {}, element('caption', {}, caption), element('thead', {}, head), body);
  const nothing = element('p', {}, none);
  const rows = new Map();
  // Until it is filled nobody knows whether there are any.
  whole.hidden = true;
  nothing.hidden = true;
  return {
    root: element('div', {}, whole, nothing),
    /** @param {readonly { key: string, cells: readonly (string | CellParts)[] }[]} wanted */
    fill(wanted) {
      whole.hidden = wanted.length === 0;
      nothing.hidden = wanted.length > 0;
      const keys = new Set(wanted.map(({ key }) => key));
      for (const [key, row] of rows) {
        if (keys.has(key)) continue;
        row.remove();
        rows.delete(key);
      }
      wanted.forEach(({ key, cells }, place) => {
        let row = rows.get(key);
        if (row === undefined) {
          row = element(
            'tr',
            {},
            element('th', { scope: 'row' }),
            ...cells.slice(1).map(() => element('td')),
          );
          rows.set(key, row);
        }
        cells.forEach((cell, index) => {
          fillCell(row.children[index], cell);
        });
        if (body.children[place] !== row) body.insertBefore(row, body.children[place] ?? null);
      });
    },
  };
}

/** A list of facts by their names; those without a value are left out. */
export function facts() {
  const root = element('dl');
  const known = new Map();
  return {
    root,
    fill(values) {
      for (const [name, value] of Object.entries(values)) {
        let entry = known.get(name);
        if (entry === undefined) {
          entry = element('div', {}, element('dt', {}, name), element('dd'));
          known.set(name, entry);
          root.append(entry);
        }
        entry.hidden = value === undefined || value === null || value === '';
        setText(entry.lastChild, entry.hidden ? '' : String(value));
      }
    },
  };
}
