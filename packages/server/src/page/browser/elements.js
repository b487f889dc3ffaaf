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
 * A button: its label, a longer name for those who do not see what stands beside it, and what it does.
 * @typedef {{ label: string, name?: string, tone?: string, press: (button: HTMLButtonElement) => void }} ButtonParts
 *
 * What a cell shows: a text, or
 * @typedef {{ text?: string, href?: string, note?: string, tone?: string, buttons?: readonly ButtonParts[] }} CellParts
 */

const shown = new WeakMap();

/** Whether a place is to show something else than it does; what stays the same keeps its elements, and the focus that they may have. */
function isNew(place, content) {
  const signature = JSON.stringify(content);
  if (shown.get(place) === signature) return false;
  shown.set(place, signature);
  return true;
}

/** @param {ButtonParts} parts */
export function button({ label, name, tone, press }) {
  const made = document.createElement('button');
  made.type = 'button';
  made.textContent = label;
  if (tone !== undefined) made.className = tone;
  if (name !== undefined) made.setAttribute('aria-label', name);
  made.addEventListener('click', () => press(made));
  return made;
}

/** @param {Element} place @param {readonly ButtonParts[]} wanted */
export function fillButtons(place, wanted) {
  if (isNew(place, wanted)) place.replaceChildren(...wanted.map(button));
}

/** @param {Element} cell @param {string | CellParts} content */
function fillCell(cell, content) {
  if (!isNew(cell, content)) return;
  const { text, href, note, tone, buttons = [] } = typeof content === 'string' ? { text: content } : content;
  // Only what no column has room for is cut within a word.
  cell.classList.toggle('long', /\S{18}/.test(`${text} ${note ?? ''}`));
  cell.replaceChildren();
  if (href !== undefined) cell.append(element('a', { href }, text));
  else if (text !== undefined) cell.append(element('span', { class: tone }, text));
  if (note !== undefined) cell.append(element('small', {}, note));
  if (buttons.length > 0) cell.append(element('div', { class: 'buttons' }, ...buttons.map(button)));
}

/**
 * A table whose rows come and go by their keys.
 *
 * @param {string} caption
 * @param {readonly string[]} columns
 * @param {string} none what is said where there are no rows
 */
export function table(caption, columns, none) {
  const body = element('tbody', { role: 'rowgroup' });
  const names = columns.map((column) => element('th', { scope: 'col', role: 'columnheader' }, column));
  const head = element('tr', { role: 'row' }, ...names);
  // The roles are those of the elements, which lose them in some browsers where a narrow window lays rows out otherwise.
  const whole = element(
    'table',
    { role: 'table', class: columns.at(-1) === 'Actions' && 'acting' },
    element('caption', {}, caption),
    element('thead', { role: 'rowgroup' }, head),
    body,
  );
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
            { role: 'row' },
            element('th', { scope: 'row', role: 'rowheader' }),
            ...cells.slice(1).map(() => element('td', { role: 'cell' })),
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
