import { expect, it } from 'vitest';
import { clientOf } from './client-address.ts';

it.each([
  ['192.0.2.7', '192.0.2.7'],
  // The same IPv4 address, as a socket of both families tells it.
  ['::ffff:192.0.2.7', '192.0.2.7'],
  ['::FFFF:c000:207', '192.0.2.7'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:0DB8:0001:0002::', '2001:db8:1:2::/64'],
  ['2001:db8:1:2:ffff:ffff:ffff:ffff', '2001:db8:1:2::/64'],
  ['2001:db8:1:3::', '2001:db8:1:3::/64'],
  ['2001:db8::1', '2001:db8:0:0::/64'],
  ['::1', '0:0:0:0::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ['64:ff9b::192.0.2.7', '64:ff9b:0:0::/64'],
  ['unknown', 'unknown'],
  ['192.0.2.7:443', 'unknown'],
  ['192.0.2', 'unknown'],
  ['', 'unknown'],
])('takes %j for %j', (address, client) => {
  expect(clientOf(address)).toBe(client);
});
