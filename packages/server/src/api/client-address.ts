import { isIPv4, isIPv6 } from 'node:net';

/**
 * Who is taken for one client: an IPv4 address; of IPv6 the first 64 bits, as whoever has one address there has all that begin so. What is no
 * address, as a proxy may say, is one client all together.
 */
export function clientOf(address: string): string {
  const [text = ''] = address.split('%', 1);
  if (isIPv4(text)) return text;
  if (!isIPv6(text)) return 'unknown';
  const groups = groupsOf(text);
  const isMapped = groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff;
  if (isMapped)
    return groups
      .slice(6)
      .flatMap((group) => [group >> 8, group & 0xff])
      .join('.');
  return `${groups
    .slice(0, 4)
    .map((group) => group.toString(16))
    .join(':')}::/64`;
}

/** The eight numbers of an IPv6 address. */
function groupsOf(text: string): readonly number[] {
  const [before = '', after] = text.split('::');
  const [first, last] = [numbersOf(before), numbersOf(after ?? '')];
  return [...first, ...Array<number>(8 - first.length - last.length).fill(0), ...last];
}

function numbersOf(text: string): readonly number[] {
  if (text === '') return [];
  return text.split(':').flatMap((group) => {
    if (!group.includes('.')) return [Number.parseInt(group, 16)];
    const [a = 0, b = 0, c = 0, d = 0] = group.split('.').map(Number);
    return [a * 256 + b, c * 256 + d];
  });
}
