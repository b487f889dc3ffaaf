/** A time of Unix, in seconds, as the reader's place writes it. */
export function time(seconds) {
  return seconds === null || seconds === undefined ? undefined : new Date(seconds * 1000).toLocaleString();
}

export function clock(seconds) {
  return new Date(seconds * 1000).toLocaleTimeString();
}

export function bytes(count) {
  if (count < 1000) return `${count} bytes`;
  const units = ['kB', 'MB', 'GB', 'TB'];
  let [value, unit] = [count / 1000, 0];
  for (; value >= 1000 && unit < units.length - 1; unit++) value /= 1000;
  return `${value.toFixed(value < 10 ? 1 : 0)} ${units[unit]}`;
}

export function number(value) {
  if (value === null || value === undefined) return '-';
  if (value === 0) return '0';
  const size = Math.abs(value);
  return size < 1e-3 || size >= 1e6 ? value.toExponential(2) : String(Number(value.toPrecision(4)));
}

/** `train_loss` as words. */
export function words(name) {
  return name.replaceAll(/[_/]+/g, ' ');
}

/** How a status, or a verdict, is coloured; its word always stands there too. */
export function tone(word) {
  if (['succeeded', 'released', 'passed'].includes(word)) return 'good';
  if (['paused', 'quarantined', 'warned', 'warn'].includes(word)) return 'warn';
  if (['failed', 'refused', 'cancelled', 'error', 'drop', 'refuse'].includes(word)) return 'bad';
  return undefined;
}
