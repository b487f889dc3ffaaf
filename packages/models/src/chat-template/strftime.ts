/**
 * Python's `strftime` in the C locale, local time, for the codes that chat templates print: model cards date their
 * system prompt with `%d %b %Y`. The language of the machine must not change a prompt.
 *
 * @throws Error for another code.
 */
export function formatTime(date: Date, format: string): string {
  return format.replace(/%(-?)([a-zA-Z%])/g, (whole, unpadded: string, code: string) => {
    const part = parts[code];
    if (part === undefined) throw new Error(`strftime_now cannot print ${whole}`);
    const text = part(date);
    return unpadded === '' ? text : text.replace(/^0+(?=.)/, '');
  });
}

const days = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
const months = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
];

const two = (value: number) => String(value).padStart(2, '0');

const parts: Readonly<Record<string, (date: Date) => string>> = {
  Y: (date) => String(date.getFullYear()),
  y: (date) => two(date.getFullYear() % 100),
  m: (date) => two(date.getMonth() + 1),
  d: (date) => two(date.getDate()),
  e: (date) => String(date.getDate()).padStart(2, ' '),
  B: (date) => months[date.getMonth()]!,
  b: (date) => months[date.getMonth()]!.slice(0, 3),
  A: (date) => days[date.getDay()]!,
  a: (date) => days[date.getDay()]!.slice(0, 3),
  H: (date) => two(date.getHours()),
  I: (date) => two(date.getHours() % 12 || 12),
  M: (date) => two(date.getMinutes()),
  S: (date) => two(date.getSeconds()),
  p: (date) => (date.getHours() < 12 ? 'AM' : 'PM'),
  F: (date) => formatTime(date, '%Y-%m-%d'),
  T: (date) => formatTime(date, '%H:%M:%S'),
  '%': () => '%',
};
